# The hostile programs, once at the best level of this machine, at L1, and some at L0, which must be seen to fail; alone,
# since they watch the host.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
function(gradus_attacks name)
  add_test(NAME ${name} COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/sandbox/attack_runner.py
           $<TARGET_FILE:gradus> --passes 1 ${ARGN} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES RUN_SERIAL TRUE TIMEOUT 900 SKIP_REGULAR_EXPRESSION "can be chosen by root only")
endfunction()
gradus_attacks(sandbox_attacks)
gradus_attacks(sandbox_attacks_L1 --level L1)
gradus_attacks(sandbox_attacks_L0 --level L0 --user 23456 --expect-violations --only net-tcp4 net-abstract disk-links
               disk-sparse mem-sysv-shm native-int80 native-memfd proc-os-system proc-nice-others secret-proc-environ
               secret-canary-file sig-canary fd-owner-signal ctl-threads)
