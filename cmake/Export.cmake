# Lets find_package(gradus) find this build folder.
export(TARGETS gradus_options gradus_hdf5 gradus_asio gradus_torch gradus_nccl gradus_event gradus_schemas gradus_verify gradus_models
               gradus_engine gradus_workers gradus_trainer gradus_orchestrator gradus_commands gradus_program
       NAMESPACE gradus:: FILE ${CMAKE_BINARY_DIR}/gradusTargets.cmake)
configure_file(${CMAKE_SOURCE_DIR}/cmake/gradusConfig.cmake.in ${CMAKE_BINARY_DIR}/gradusConfig.cmake @ONLY)
