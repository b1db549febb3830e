# Everything gradus links, as imported targets. Debian packages for all but libtorch and NCCL, which
# come from the PyPI wheel of torch (GRADUS_TORCH names its site-packages folder).
include(Packages)

add_library(gradus_hdf5 INTERFACE)
target_include_directories(gradus_hdf5 SYSTEM INTERFACE ${HDF5_C_INCLUDE_DIRS})
target_link_libraries(gradus_hdf5 INTERFACE ${HDF5_C_LIBRARIES})

add_library(gradus_asio INTERFACE)
target_compile_definitions(gradus_asio INTERFACE ASIO_STANDALONE)
target_link_libraries(gradus_asio INTERFACE Threads::Threads)

if(NOT GRADUS_TORCH)
  set(cache $ENV{GRADUS_CACHE})
  if(NOT cache)
    set(cache $ENV{HOME}/.cache/gradus)
  endif()
  file(GLOB found ${cache}/torch-2.11.0/lib/python3*/site-packages)
  if(found)
    list(GET found 0 GRADUS_TORCH)
  endif()
endif()
if(NOT EXISTS ${GRADUS_TORCH}/torch/lib/libtorch_cpu.so)
  message(FATAL_ERROR "No torch wheel found (GRADUS_TORCH='${GRADUS_TORCH}'). Run scripts/setup.sh, or "
                      "pass -DGRADUS_TORCH=<site-packages folder that holds torch 2.11>.")
endif()
message(STATUS "torch wheel: ${GRADUS_TORCH}")
set(torch_lib ${GRADUS_TORCH}/torch/lib)
file(GLOB cuda_root ${GRADUS_TORCH}/nvidia/cu1*)
set(nccl_root ${GRADUS_TORCH}/nvidia/nccl)

# The wheel carries headers of another fmt; ours must be found first, so they get a folder of their own.
find_path(fmt_root fmt/format.h HINTS /usr/include REQUIRED)
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/include)
file(CREATE_LINK ${fmt_root}/fmt ${CMAKE_BINARY_DIR}/include/fmt SYMBOLIC)

# libtorch_cuda is loaded at run time, on machines that have a GPU: it costs a second to map.
add_library(gradus_torch INTERFACE)
target_include_directories(gradus_torch INTERFACE ${CMAKE_BINARY_DIR}/include)
target_include_directories(gradus_torch SYSTEM INTERFACE
  ${GRADUS_TORCH}/torch/include ${GRADUS_TORCH}/torch/include/torch/csrc/api/include)
target_link_libraries(gradus_torch INTERFACE
  "-Wl,--no-as-needed" ${torch_lib}/libtorch_cpu.so ${torch_lib}/libc10.so "-Wl,--as-needed")
set(torch_rpath ${torch_lib} ${nccl_root}/lib)
foreach(root ${cuda_root})
  list(APPEND torch_rpath ${root}/lib)
endforeach()
list(APPEND CMAKE_BUILD_RPATH ${torch_rpath})
# libtorch_cpu itself needs cudart and cupti: let the linker find them, and the loader too.
foreach(folder ${torch_rpath})
  target_link_options(gradus_torch INTERFACE -Wl,-rpath-link,${folder})
endforeach()
target_link_options(gradus_torch INTERFACE -Wl,--disable-new-dtags)
# Where the program finds libgradus_gpu.so.
list(APPEND CMAKE_BUILD_RPATH ${CMAKE_BINARY_DIR}/lib)

# For libgradus_gpu.so alone.
add_library(gradus_torch_cuda INTERFACE)
target_link_libraries(gradus_torch_cuda INTERFACE gradus_torch
  "-Wl,--no-as-needed" ${torch_lib}/libtorch_cuda.so ${torch_lib}/libc10_cuda.so "-Wl,--as-needed")
foreach(root ${cuda_root})
  target_include_directories(gradus_torch_cuda SYSTEM INTERFACE ${root}/include ${root}/include/cccl)
  file(GLOB cudart ${root}/lib/libcudart.so.*)
  target_link_libraries(gradus_torch_cuda INTERFACE ${cudart})
endforeach()

add_library(gradus_nccl INTERFACE)
target_include_directories(gradus_nccl SYSTEM INTERFACE ${nccl_root}/include)
foreach(root ${cuda_root})
  target_include_directories(gradus_nccl SYSTEM INTERFACE ${root}/include)
  file(GLOB cudart ${root}/lib/libcudart.so.*)
  target_link_libraries(gradus_nccl INTERFACE ${cudart})
endforeach()
target_link_libraries(gradus_nccl INTERFACE ${nccl_root}/lib/libnccl.so.2)
