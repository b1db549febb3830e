#pragma once
#include <functional>
#include <memory>
#include <string>

#include "trainer/collectives/nccl_api.h"

namespace gradus {

// A communicator, its stream and the watch over both. Operations are queued on the stream; whoever
// waits for it polls the communicator's health and the clock, and aborts it when either says so: a
// dead peer shows as an error, a silent one as the deadline. Not thread-safe; but any thread may
// call, as backward runs on threads of its own.
class NcclChannel {
 public:
  // Meets the others over `link`. Throws Error when this rank finds no GPU for itself.
  NcclChannel(PeerLink& link, const NcclOptions& options, const NcclApi& api);
  NcclChannel(const NcclChannel&) = delete;

  int device() const { return device_; }
  ncclComm_t comm() const { return comm_.get(); }
  cudaStream_t stream() const { return stream_.get(); }

  // Queues what `calls` queues on (comm, stream) as one NCCL group, behind all that was computed so
  // far; each call's status goes through `check`.
  using Check = std::function<void(ncclResult_t)>;
  void Launch(const std::string& what, const std::function<void(const Check& check)>& calls);
  // Until all that was queued is done.
  void Wait(const std::string& what);

 private:
  void UseDevice();
  void Join(const ncclUniqueId& id);
  // Waits until a non-blocking call has been taken up.
  void Settle(ncclResult_t status, const std::string& what);
  [[noreturn]] void Abandon(const std::string& what, const std::string& reason);
  // NCCL does not say who is missing; the host link does.
  std::string AskWhoLives();

  PeerLink& link_;
  const NcclOptions options_;
  const NcclApi& api_;
  int device_ = 0;
  std::unique_ptr<CUstream_st, decltype(NcclApi::StreamDestroy)> stream_;
  std::unique_ptr<CUevent_st, decltype(NcclApi::EventDestroy)> ready_;
  // Ends by abort, not destroy: that also ends operations whose peer is gone. Orderly ends finish
  // their work before. Last, since it uses the stream.
  std::unique_ptr<ncclComm, decltype(NcclApi::CommAbort)> comm_;
};

}  // namespace gradus
