# The hostile programs, once, at the best level of this machine; alone, since it watches the host.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME sandbox_attacks COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/sandbox/attack_runner.py
         $<TARGET_FILE:gradus> --passes 1 WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
set_tests_properties(sandbox_attacks PROPERTIES RUN_SERIAL TRUE TIMEOUT 900)
