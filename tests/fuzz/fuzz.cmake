# fuzz_grader, fuzz_tokenizer: need clang (CC=clang CXX=clang++) and -DGRADUS_FUZZ=ON. Everything they run is compiled
# again with the fuzzer's instrumentation.
function(gradus_fuzz name)
  add_executable(fuzz_${name} ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/${name}_fuzz.cpp ${ARGN})
  target_include_directories(fuzz_${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_compile_options(fuzz_${name} PRIVATE -g -O1 -fno-omit-frame-pointer -fsanitize=fuzzer,address,undefined
                         -fno-sanitize-recover=undefined)
  target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer,address,undefined)
  target_link_libraries(fuzz_${name} PRIVATE fmt::fmt)
endfunction()

file(GLOB answers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/verify/answers/*.cpp
     ${CMAKE_SOURCE_DIR}/verify/answers/*/*.cpp)
list(FILTER answers EXCLUDE REGEX "grader_lines|golden_set")
gradus_fuzz(grader ${answers})
target_link_libraries(fuzz_grader PRIVATE PkgConfig::GMP)

set(tokenizer_sources added_tokens byte_alphabet merge_table metaspace pattern pattern_dialect  symbol_merging
                      text_normalizer text_splitter token_decoder token_frame tokenizer unicode_additions utf8)
list(TRANSFORM tokenizer_sources PREPEND ${CMAKE_SOURCE_DIR}/workers/models/tokenizer/)
list(TRANSFORM tokenizer_sources APPEND .cpp)
gradus_fuzz(tokenizer ${tokenizer_sources} ${CMAKE_SOURCE_DIR}/schemas/base/file.cpp ${CMAKE_SOURCE_DIR}/schemas/base/utf8.cpp ${CMAKE_SOURCE_DIR}/schemas/base/strict_json.cpp)
target_link_libraries(fuzz_tokenizer PRIVATE nlohmann_json::nlohmann_json OpenSSL::Crypto PkgConfig::PCRE2 PkgConfig::UTF8PROC)

set(model_sources config_file decoder_parts folder_weights model_config rope safetensors)
list(TRANSFORM model_sources PREPEND ${CMAKE_SOURCE_DIR}/workers/models/)
list(TRANSFORM model_sources APPEND .cpp)
gradus_fuzz(model ${model_sources} ${CMAKE_SOURCE_DIR}/schemas/base/file.cpp ${CMAKE_SOURCE_DIR}/schemas/base/settings.cpp
            ${CMAKE_SOURCE_DIR}/schemas/base/yaml_tree.cpp ${CMAKE_SOURCE_DIR}/schemas/base/utf8.cpp ${CMAKE_SOURCE_DIR}/schemas/base/strict_json.cpp)
target_link_libraries(fuzz_model PRIVATE nlohmann_json::nlohmann_json OpenSSL::Crypto PkgConfig::YAML)
