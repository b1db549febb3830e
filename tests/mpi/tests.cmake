gradus_mpi_test(mpi_world RANKS 1 2 4 TIMEOUT 120 SOURCES mpi/world_program.cpp
                DEPENDS gradus_orchestrator)
foreach(mode leases train coordinator)
  add_test(NAME mpi_kill_${mode} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/mpi/kill_test.sh ${mode}
           $<TARGET_FILE:mpi_world> ${MPIEXEC_EXECUTABLE})
  set_tests_properties(mpi_kill_${mode} PROPERTIES TIMEOUT 120 PROCESSORS 2)
endforeach()
add_test(NAME mpi_idle COMMAND ${MPIEXEC_EXECUTABLE} --allow-run-as-root --oversubscribe --bind-to none
         --mca pml ob1 --mca btl self,vader --mca mpi_yield_when_idle 1 -n 2 $<TARGET_FILE:mpi_world> idle)
set_tests_properties(mpi_idle PROPERTIES TIMEOUT 60 ENVIRONMENT "OMP_NUM_THREADS=1")
# A run that rank 0 refuses must fail for the launcher, too, with its code and its reason.
add_test(NAME mpi_error COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/mpi/error_test.sh $<TARGET_FILE:mpi_world> ${MPIEXEC_EXECUTABLE})
set_tests_properties(mpi_error PROPERTIES TIMEOUT 60)
