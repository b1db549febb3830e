# Warnings and sanitizers that every target of gradus is compiled with.
add_library(gradus_options INTERFACE)
target_compile_options(gradus_options INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor)
# GCC 12 reports these falsely inside coroutine frames and inlined std::string code.
target_compile_options(gradus_options INTERFACE -Wno-maybe-uninitialized -Wno-restrict
                                                -Wno-stringop-overflow -Wno-array-bounds)
if(GRADUS_WERROR)
  target_compile_options(gradus_options INTERFACE -Werror)
endif()
target_include_directories(gradus_options INTERFACE ${CMAKE_SOURCE_DIR})
# Half the time of the default linker, which a build spends once per program.
include(CheckLinkerFlag)
check_linker_flag(CXX -fuse-ld=gold GRADUS_HAS_GOLD)
if(GRADUS_HAS_GOLD)
  target_link_options(gradus_options INTERFACE -fuse-ld=gold)
endif()
if(GRADUS_SANITIZER)
  target_compile_options(gradus_options INTERFACE -fsanitize=${GRADUS_SANITIZER} -fno-omit-frame-pointer)
  target_link_options(gradus_options INTERFACE -fsanitize=${GRADUS_SANITIZER})
endif()

# gradus_precompile(TARGET HEADERS...): the standard headers that most files use, and HEADERS, are parsed once per target.
function(gradus_precompile name)
  target_precompile_headers(${name} PRIVATE <algorithm> <chrono> <cstdint> <filesystem> <functional> <map> <memory>
    <optional> <span> <string> <string_view> <thread> <utility> <vector> ${ARGN})
endfunction()

# gradus_library(NAME DEPENDS...): a static library of the .cpp files of the calling folder.
function(gradus_library name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  foreach(folder ${GRADUS_EXTRA_FOLDERS})
    file(GLOB more CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.cpp)
    list(APPEND sources ${more})
  endforeach()
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  if(NOT sources)
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE gradus_options ${ARGN})
    return()
  endif()
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC gradus_options ${ARGN})
endfunction()
