#pragma once
#include <cuda_runtime_api.h>
#include <nccl.h>

#include <memory>

#include "trainer/collectives/collectives.h"

namespace gradus {

// The calls that NcclCollectives makes: those of the libraries, or of a test's stand-in for them.
struct NcclApi {
  decltype(&::ncclGetUniqueId) GetUniqueId;
  decltype(&::ncclCommInitRankConfig) CommInitRankConfig;
  decltype(&::ncclCommGetAsyncError) CommGetAsyncError;
  decltype(&::ncclCommAbort) CommAbort;
  decltype(&::ncclGroupStart) GroupStart;
  decltype(&::ncclGroupEnd) GroupEnd;
  decltype(&::ncclSend) Send;
  decltype(&::ncclRecv) Recv;
  decltype(&::ncclReduce) Reduce;
  decltype(&::ncclBroadcast) Broadcast;

  decltype(&::cudaGetDeviceCount) GetDeviceCount;
  decltype(&::cudaSetDevice) SetDevice;
  cudaError_t (*StreamCreate)(cudaStream_t*, unsigned flags);
  decltype(&::cudaStreamDestroy) StreamDestroy;
  decltype(&::cudaStreamQuery) StreamQuery;
  cudaError_t (*EventCreate)(cudaEvent_t*, unsigned flags);
  decltype(&::cudaEventDestroy) EventDestroy;
  cudaError_t (*EventRecord)(cudaEvent_t, cudaStream_t);
  cudaError_t (*StreamWaitEvent)(cudaStream_t, cudaEvent_t, unsigned flags);

  bool device_memory = true;  // False: tensors stay in host memory (the stand-in).
};
const NcclApi& NcclLibrary();

struct NcclOptions {
  double deadline_s = 120;
  // Sums along the fixed tree: partial sums go to their owner, who adds them in order. Otherwise
  // NCCL reduces them in an order of its own.
  bool deterministic = false;
};

// One GPU per rank, by its place among the ranks of its host; the communicator's id travels over
// `link`. Throws Error when no GPU is usable or a host has fewer than ranks.
std::unique_ptr<Collectives> MakeNcclCollectives(PeerLink& link, const NcclOptions& options,
                                                 const NcclApi& api = NcclLibrary());

}  // namespace gradus
