#pragma once
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "workers/engine/decoder_backend.h"
#include "workers/engine/engine.h"
#include "workers/engine/jobs.h"
#include "workers/engine/kv_arena.h"

namespace gradus {

// What the engine holds between two ticks.
struct EngineUsage {
  int rows = 0;  // Samples being decoded, and those that admitted requests may start.
  int requests = 0;
  int free_slots = 0;
  int pieces = 0, pinned_pieces = 0;
};

// Continuous batching as bookkeeping: which rows the next pass computes, and what its result means
// for the requests. Pure: no thread, no clock, no device. A tick is NextPass, the pass computed by
// somebody, Take, TakeDone.
class Scheduler {
 public:
  using JobPtr = std::unique_ptr<Job>;

  // `decoder` tells its sizes and outlives the scheduler; nothing is computed on it here.
  Scheduler(const DecoderBackend& decoder, const EngineOptions& options);

  void Add(JobPtr job) { waiting_.push_back(std::move(job)); }
  bool Idle() const { return active_.empty() && waiting_.empty(); }

  // Ends what was cancelled, admits requests while rows and slots allow, and builds one pass of
  // context rows and of one row per running sample. Without rows nothing is to be computed.
  const Pass& NextPass();
  // Hands out what the pass gave, in the order of its wishes.
  void Take(PassResult& result);
  // Requests that have ended, in the order of their admission.
  std::vector<JobPtr> TakeDone();
  // Every request that is left. The scheduler is of no use afterwards.
  std::vector<JobPtr> TakeAll();

  // Since it was made; time is the caller's to measure.
  const EngineCounters& counters() const { return counters_; }
  EngineUsage Usage() const;

 private:
  // What an output row of the pass is for.
  struct Output {
    Job* job = nullptr;
    Sample* sample = nullptr;  // None: a context row, or a sample that has ended.
    int position = 0;
  };

  void AdmitWaiting();
  bool CanNeverFit(const Job& job) const;
  bool Admit(Job& job);
  int SuffixSlots(const Job& job) const;
  bool HasFreeRow() const;
  void StartSamples(Job& job);
  void StartSample(Job& job, std::vector<std::int32_t> suffix);
  void CancelStopped();
  void Cancel(Job& job);

  void AddContextRows(Job& job);
  void CopyComputed(Job& job, int piece_begin, const CachedPiece& piece);
  void AddLogProbRows(Job& job);
  void AddSampleRows();
  void AddRow(const TokenRow& row, const OutputWish& wish, const Output& target);
  void AddContextRow(Job& job, TokenId token, int position, std::int32_t slot,
                     const OutputWish* wish);
  OutputWish ContextWish(const Job& job) const;

  void TakeContext(Job& job, const OutputWish& wish, const Output& output, double value,
                   PassResult& result);
  // Appends one token to a sample; true when that ended it.
  bool Append(Job& job, int index, const TokenDraw& draw);
  std::optional<StopReason> EndAfter(Job& job, int index, int position);
  void EndSample(Sample& sample);
  void Finish(Job& job);

  const DecoderBackend& decoder_;
  const EngineOptions options_;
  KvArena arena_;
  std::deque<JobPtr> waiting_;
  std::list<JobPtr> active_;     // In order of admission.
  std::list<Sample> samples_;    // Being decoded.
  int reserved_rows_ = 0;        // Of admitted requests that have not started a sample yet.
  Pass pass_;                    // Of the tick, as is the next.
  std::vector<Output> outputs_;  // By wish.
  std::size_t next_draw_ = 0, next_top_ = 0;  // Of the result.
  int prefill_left_ = 0;
  EngineCounters counters_;
};

}  // namespace gradus
