#include "trainer/collectives/nccl_channel.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <thread>

#include "schemas/base/bytes.h"
#include "schemas/base/error.h"
#include "schemas/base/host.h"
#include "schemas/base/log.h"

namespace gradus {
namespace {

enum Tag : std::uint32_t { kHostName = 11, kWelcome = 12, kAlive = 13 };
constexpr auto kPollInterval = std::chrono::microseconds(100);
constexpr cudaStream_t kComputeStream = nullptr;  // Torch computes on the default stream.

void CheckCuda(cudaError_t status, const char* what) {
  if (status != cudaSuccess) Fail("CUDA: {} failed: {}", what, cudaGetErrorString(status));
}

int UsableDevices(const NcclApi& api) {
  int count = 0;
  const cudaError_t status = api.GetDeviceCount(&count);
  if (status != cudaSuccess || count == 0) {
    Fail(
        "NCCL collectives need a GPU and none is usable ({}): train with the host collectives "
        "instead",
        status == cudaSuccess ? "no device" : cudaGetErrorString(status));
  }
  return count;
}

// What rank 0 tells each member: the communicator's id, and which of its host's GPUs is its own.
struct Welcome {
  ncclUniqueId id;
  int device = 0;
};

// Ranks on one host take its GPUs in rank order.
Welcome Meet(PeerLink& link, const NcclApi& api, double deadline_s) {
  Welcome welcome{};
  if (link.rank() != 0) {
    link.Send(0, kHostName, HostName());
    const std::string bytes = link.Receive(0, kWelcome, deadline_s);
    return ByteReader(bytes).Get<Welcome>();
  }
  const ncclResult_t status = api.GetUniqueId(&welcome.id);
  if (status != ncclSuccess) Fail("NCCL: no unique id: {}", ncclGetErrorString(status));
  std::map<std::string, int> taken{{HostName(), 1}};
  for (int member = 1; member < link.size(); ++member) {
    Welcome answer = welcome;
    answer.device = taken[link.Receive(member, kHostName, deadline_s)]++;
    link.Send(member, kWelcome, ByteWriter().Put(answer).Take());
  }
  return welcome;
}

}  // namespace

NcclChannel::NcclChannel(PeerLink& link, const NcclOptions& options, const NcclApi& api)
    : link_(link),
      options_(options),
      api_(api),
      stream_(nullptr, api.StreamDestroy),
      ready_(nullptr, api.EventDestroy),
      comm_(nullptr, api.CommAbort) {
  const int devices = UsableDevices(api_);
  const Welcome welcome = Meet(link, api_, options.deadline_s);
  device_ = welcome.device;
  if (device_ >= devices) {
    Fail("NCCL wants one GPU per rank: rank {} is number {} on {}, which shows {} GPUs",
         link.rank(), device_ + 1, HostName(), devices);
  }
  UseDevice();
  cudaStream_t stream = nullptr;
  CheckCuda(api_.StreamCreate(&stream, cudaStreamNonBlocking), "creating a stream");
  stream_.reset(stream);
  cudaEvent_t ready = nullptr;
  CheckCuda(api_.EventCreate(&ready, cudaEventDisableTiming), "creating an event");
  ready_.reset(ready);
  Join(welcome.id);
}

void NcclChannel::Join(const ncclUniqueId& id) {
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  ncclComm_t comm = nullptr;
  const ncclResult_t status =
      api_.CommInitRankConfig(&comm, link_.size(), id, link_.rank(), &config);
  comm_.reset(comm);
  Settle(status, "joining the group");
}

void NcclChannel::UseDevice() { CheckCuda(api_.SetDevice(device_), "choosing the device"); }

void NcclChannel::Launch(const std::string& what,
                         const std::function<void(const Check& check)>& calls) {
  UseDevice();
  if (comm_ == nullptr) Abandon(what, "the group was given up before");
  CheckCuda(api_.EventRecord(ready_.get(), kComputeStream), "marking the computed");
  CheckCuda(api_.StreamWaitEvent(stream_.get(), ready_.get(), 0), "waiting for the computed");
  Settle(api_.GroupStart(), what);
  calls([&](ncclResult_t status) {
    if (status != ncclSuccess && status != ncclInProgress)
      Abandon(what, ncclGetErrorString(status));
  });
  Settle(api_.GroupEnd(), what);
}

void NcclChannel::Wait(const std::string& what) {
  UseDevice();
  const double end = MonotonicSeconds() + options_.deadline_s;
  cudaError_t status;
  while ((status = api_.StreamQuery(stream_.get())) == cudaErrorNotReady) {
    ncclResult_t health = ncclSuccess;
    const ncclResult_t asked = api_.CommGetAsyncError(comm_.get(), &health);
    if (asked != ncclSuccess) Abandon(what, ncclGetErrorString(asked));
    if (health != ncclSuccess && health != ncclInProgress)
      Abandon(what, ncclGetErrorString(health));
    if (MonotonicSeconds() > end)
      Abandon(what, fmt::format("nothing for {} s", options_.deadline_s));
    std::this_thread::sleep_for(kPollInterval);
  }
  CheckCuda(status, what.c_str());
}

void NcclChannel::Settle(ncclResult_t status, const std::string& what) {
  const double end = MonotonicSeconds() + options_.deadline_s;
  while (status == ncclInProgress) {
    if (MonotonicSeconds() > end)
      Abandon(what, fmt::format("nothing for {} s", options_.deadline_s));
    std::this_thread::sleep_for(kPollInterval);
    if (api_.CommGetAsyncError(comm_.get(), &status) != ncclSuccess)
      Abandon(what, "communicator lost");
  }
  if (status != ncclSuccess) Abandon(what, ncclGetErrorString(status));
}

void NcclChannel::Abandon(const std::string& what, const std::string& reason) {
  comm_.reset();
  throw Error(fmt::format("training rank {} lost its group while {}: {}; {}", link_.rank(), what,
                          reason, AskWhoLives()),
              ExitCode::kTrainersLost);
}

std::string NcclChannel::AskWhoLives() {
  std::string silent;
  try {
    for (int other = 0; other < link_.size(); ++other) {
      if (other != link_.rank()) link_.Send(other, kAlive, {});
    }
  } catch (const Error& error) {
    return error.what();
  }
  const double end = MonotonicSeconds() + options_.deadline_s / 2;
  for (int other = 0; other < link_.size(); ++other) {
    if (other == link_.rank()) continue;
    try {
      link_.Receive(other, kAlive, std::max(0.0, end - MonotonicSeconds()));
    } catch (const Error& error) {
      silent += (silent.empty() ? "" : "; ") + std::string(error.what());
    }
  }
  return silent.empty() ? "all members answer on the host link" : silent;
}

}  // namespace gradus
