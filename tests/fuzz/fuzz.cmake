# fuzz_grader: needs clang (CC=clang CXX=clang++) and -DGRADUS_FUZZ=ON. Everything it runs is compiled
# again with the fuzzer's instrumentation.
file(GLOB fuzz_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/verify/answers/*.cpp)
add_executable(fuzz_grader ${CMAKE_CURRENT_LIST_DIR}/grader_fuzz.cpp ${fuzz_sources} ${CMAKE_SOURCE_DIR}/verify/grader.cpp)
target_include_directories(fuzz_grader PRIVATE ${CMAKE_SOURCE_DIR})
target_compile_options(fuzz_grader PRIVATE -g -O1 -fno-omit-frame-pointer -fsanitize=fuzzer,address,undefined
                       -fno-sanitize-recover=undefined)
target_link_options(fuzz_grader PRIVATE -fsanitize=fuzzer,address,undefined)
target_link_libraries(fuzz_grader PRIVATE fmt::fmt PkgConfig::GMP)
