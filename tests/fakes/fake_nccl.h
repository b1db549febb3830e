#pragma once
#include <atomic>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "trainer/collectives/nccl_api.h"

namespace gradus::fake_nccl {

// NCCL and the CUDA runtime between the threads of a process, over host memory: operations are
// queued on a stream and move only when the stream is asked for, as far as their peers have come.

inline std::atomic<int> aborts = 0, sends = 0, reduces = 0;
inline std::atomic<ncclResult_t> health = ncclSuccess;  // What communicators report.

struct World {
  std::mutex mutex;
  int joined = 0;
  std::map<std::tuple<int, int, char>, std::deque<std::string>> pipes;  // From, to, kind.
};

struct Comm {
  std::shared_ptr<World> world;
  int rank = 0, size = 0;
  void Push(int to, char kind, std::string bytes) {
    const std::lock_guard lock(world->mutex);
    world->pipes[{rank, to, kind}].push_back(std::move(bytes));
  }
  bool Pop(int from, char kind, std::string& bytes) {
    const std::lock_guard lock(world->mutex);
    auto& pipe = world->pipes[{from, rank, kind}];
    if (pipe.empty()) return false;
    bytes = std::move(pipe.front());
    pipe.pop_front();
    return true;
  }
};

struct Operation {
  int pipe = 0;              // What it takes from, in the order of the stream; 0: nothing.
  std::function<bool()> go;  // True when it is done.
};
inline int PipeOf(int from, char kind) { return 1 + from * 256 + kind; }
struct Stream {
  std::vector<Operation> pending;
};

inline std::mutex worlds_mutex;
inline std::map<std::string, std::shared_ptr<World>> worlds;
inline std::uint64_t next_id = 1;
inline thread_local std::vector<std::pair<Stream*, Operation>> group;

inline Comm& Of(ncclComm_t comm) { return *reinterpret_cast<Comm*>(comm); }
inline Stream* Of(cudaStream_t stream) { return reinterpret_cast<Stream*>(stream); }
inline std::string Bytes(const void* data, std::size_t count, ncclDataType_t type) {
  return {static_cast<const char*>(data), count * (type == ncclFloat ? 4 : 2)};
}

inline ncclResult_t GetUniqueId(ncclUniqueId* id) {
  const std::lock_guard lock(worlds_mutex);
  std::memset(id, 0, sizeof(*id));
  std::memcpy(id->internal, &next_id, sizeof(next_id));
  ++next_id;
  return ncclSuccess;
}

inline ncclResult_t CommInitRankConfig(ncclComm_t* comm, int size, ncclUniqueId id, int rank,
                                       ncclConfig_t* config) {
  if (config->blocking != 0) return ncclInvalidArgument;
  const std::lock_guard lock(worlds_mutex);
  auto& world = worlds[std::string(id.internal, sizeof(id.internal))];
  if (!world) world = std::make_shared<World>();
  const std::lock_guard joining(world->mutex);
  ++world->joined;
  *comm = reinterpret_cast<ncclComm_t>(new Comm{world, rank, size});
  return ncclInProgress;
}

inline ncclResult_t CommGetAsyncError(ncclComm_t comm, ncclResult_t* status) {
  const std::lock_guard lock(Of(comm).world->mutex);
  *status = Of(comm).world->joined < Of(comm).size ? ncclInProgress : health.load();
  return ncclSuccess;
}

inline ncclResult_t CommAbort(ncclComm_t comm) {
  ++aborts;
  delete &Of(comm);
  return ncclSuccess;
}

inline ncclResult_t GroupStart() { return ncclSuccess; }
inline ncclResult_t GroupEnd() {
  for (auto& [stream, operation] : group) stream->pending.push_back(std::move(operation));
  group.clear();
  return ncclSuccess;
}

inline ncclResult_t Send(const void* from, std::size_t count, ncclDataType_t type, int peer,
                         ncclComm_t comm, cudaStream_t stream) {
  ++sends;
  group.emplace_back(Of(stream), Operation{0, [=, &c = Of(comm)] {
                                             c.Push(peer, 's', Bytes(from, count, type));
                                             return true;
                                           }});
  return ncclSuccess;
}

inline Operation Receiving(void* into, int from, char kind, Comm& comm) {
  return {PipeOf(from, kind), [=, &comm] {
            std::string bytes;
            if (!comm.Pop(from, kind, bytes)) return false;
            std::memcpy(into, bytes.data(), bytes.size());
            return true;
          }};
}

inline ncclResult_t Recv(void* into, std::size_t, ncclDataType_t, int peer, ncclComm_t comm,
                         cudaStream_t stream) {
  group.emplace_back(Of(stream), Receiving(into, peer, 's', Of(comm)));
  return ncclSuccess;
}

inline ncclResult_t Broadcast(const void* from, void* into, std::size_t count, ncclDataType_t type,
                              int root, ncclComm_t comm, cudaStream_t stream) {
  Comm& c = Of(comm);
  if (root != c.rank) {
    group.emplace_back(Of(stream), Receiving(into, root, 'b', c));
    return ncclSuccess;
  }
  const auto push = [=, &c] {
    for (int to = 0; to < c.size; ++to) {
      if (to != c.rank) c.Push(to, 'b', Bytes(from, count, type));
    }
    return true;
  };
  group.emplace_back(Of(stream), Operation{0, push});
  return ncclSuccess;
}

inline ncclResult_t Reduce(const void* from, void* into, std::size_t count, ncclDataType_t type,
                           ncclRedOp_t, int root, ncclComm_t comm, cudaStream_t stream) {
  ++reduces;
  Comm& c = Of(comm);
  auto terms = std::make_shared<std::map<int, std::string>>();
  const auto reduce = [=, &c] {
    if (root != c.rank) {
      c.Push(root, 'r', Bytes(from, count, type));
      return true;
    }
    (*terms)[c.rank] = Bytes(from, count, type);
    for (int other = 0; other < c.size; ++other) {
      if (!terms->contains(other) && !c.Pop(other, 'r', (*terms)[other])) {
        terms->erase(other);
        return false;
      }
    }
    auto* sum = static_cast<float*>(into);
    for (std::size_t i = 0; i < count; ++i) {
      sum[i] = 0;
      for (const auto& [rank, term] : *terms)
        sum[i] += reinterpret_cast<const float*>(term.data())[i];
    }
    return true;
  };
  group.emplace_back(Of(stream), Operation{root == c.rank ? PipeOf(0, 'r') : 0, reduce});
  return ncclSuccess;
}

inline cudaError_t StreamQuery(cudaStream_t stream) {
  std::vector<Operation> left;
  std::set<int> held;  // What a later message must not be taken from before an earlier one.
  for (Operation& operation : Of(stream)->pending) {
    if (held.contains(operation.pipe) || !operation.go()) {
      held.insert(operation.pipe);
      left.push_back(std::move(operation));
    }
  }
  Of(stream)->pending = std::move(left);
  return Of(stream)->pending.empty() ? cudaSuccess : cudaErrorNotReady;
}

inline NcclApi Api() {
  return {.GetUniqueId = GetUniqueId,
          .CommInitRankConfig = CommInitRankConfig,
          .CommGetAsyncError = CommGetAsyncError,
          .CommAbort = CommAbort,
          .GroupStart = GroupStart,
          .GroupEnd = GroupEnd,
          .Send = Send,
          .Recv = Recv,
          .Reduce = Reduce,
          .Broadcast = Broadcast,
          .GetDeviceCount = [](int* count) { return *count = 8, cudaSuccess; },
          .SetDevice = [](int device) { return device < 8 ? cudaSuccess : cudaErrorInvalidDevice; },
          .StreamCreate =
              [](cudaStream_t* stream, unsigned) {
                *stream = reinterpret_cast<cudaStream_t>(new Stream);
                return cudaSuccess;
              },
          .StreamDestroy = [](cudaStream_t stream) { return delete Of(stream), cudaSuccess; },
          .StreamQuery = StreamQuery,
          .EventCreate =
              [](cudaEvent_t* event, unsigned) {
                *event = reinterpret_cast<cudaEvent_t>(new int(0));
                return cudaSuccess;
              },
          .EventDestroy =
              [](cudaEvent_t event) {
                delete reinterpret_cast<int*>(event);
                return cudaSuccess;
              },
          .EventRecord = [](cudaEvent_t, cudaStream_t) { return cudaSuccess; },
          .StreamWaitEvent = [](cudaStream_t, cudaEvent_t, unsigned) { return cudaSuccess; },
          .device_memory = false};
}

}  // namespace gradus::fake_nccl
