# The scripts' own tests: ctest -R scripts
add_test(NAME scripts_expressions COMMAND python3 scripts/make_expressions.py --check WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
add_test(NAME scripts_includes COMMAND python3 tests/scripts/check_includes_test.py WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
add_test(NAME scripts_launch COMMAND tests/scripts/launch_test.sh WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
set_tests_properties(scripts_expressions scripts_includes scripts_launch PROPERTIES TIMEOUT 300)
