# Tests compare bits, so they see no GPU; scripts/check_gpu.sh runs those that want one.
# gradus_test(FOLDER DEPENDS... [EXCEPT SUBFOLDERS...] [NEEDS THINGS...]): one doctest program of all *_test.cpp below
# tests/FOLDER, one CTest entry named like the folder. EXCEPT names subfolders that have a program of their own. Tests of
# the suite "needs THING" are an entry of their own, NAME_THING, which counts as skipped where all of them said so.
function(gradus_test folder)
  cmake_parse_arguments(A "" "" "EXCEPT;NEEDS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*_test.cpp)
  foreach(subfolder ${A_EXCEPT})
    list(FILTER sources EXCLUDE REGEX "/${folder}/${subfolder}/")
  endforeach()
  if(NOT sources)
    message(FATAL_ERROR "tests/${folder} holds no *_test.cpp")
  endif()
  string(REPLACE "/" "_" name ${folder})
  add_executable(test_${name} ${sources} ${CMAKE_CURRENT_SOURCE_DIR}/main.cpp)
  target_link_libraries(test_${name} PRIVATE ${A_UNPARSED_ARGUMENTS})
  target_compile_definitions(test_${name} PRIVATE
    GRADUS_SOURCE_DIR="${CMAKE_SOURCE_DIR}" GRADUS_BINARY="$<TARGET_FILE:gradus>")
  add_test(NAME ${name} COMMAND test_${name} "--test-suite-exclude=needs *" WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES TIMEOUT 600 ENVIRONMENT "OMP_NUM_THREADS=1;CUDA_VISIBLE_DEVICES=")
  foreach(thing ${A_NEEDS})
    add_test(NAME ${name}_${thing} COMMAND test_${name} "--test-suite=needs ${thing}"
             WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set_tests_properties(${name}_${thing} PROPERTIES TIMEOUT 600 ENVIRONMENT "OMP_NUM_THREADS=1"
                         SKIP_REGULAR_EXPRESSION "nothing ran: " FAIL_REGULAR_EXPRESSION "test cases: +0 ")
  endforeach()
endfunction()

# gradus_mpi_test(NAME RANKS 1 2 4 TIMEOUT 60 SOURCES ... DEPENDS ...): one program, run at each rank count.
function(gradus_mpi_test name)
  cmake_parse_arguments(A "" "TIMEOUT" "RANKS;SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${A_SOURCES})
  target_link_libraries(${name} PRIVATE ${A_DEPENDS})
  foreach(ranks ${A_RANKS})
    add_test(NAME ${name}_${ranks} COMMAND ${MPIEXEC_EXECUTABLE} --allow-run-as-root --oversubscribe
             --bind-to none --mca pml ob1 --mca btl self,vader --mca mpi_yield_when_idle 1
             -n ${ranks} $<TARGET_FILE:${name}>)
    set_tests_properties(${name}_${ranks} PROPERTIES TIMEOUT ${A_TIMEOUT} PROCESSORS 2
                         ENVIRONMENT "OMP_NUM_THREADS=1;CUDA_VISIBLE_DEVICES=")
  endforeach()
endfunction()
