#pragma once
#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <optional>
#include <thread>

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

// Continuous batching over one decoder, whatever its device. A tick admits requests while rows and
// slots allow, builds one pass of context rows and of one row per running sample, has it computed
// and hands out what it gave. Everything but the inbox belongs to the engine's thread.
class BatchingEngine final : public Engine {
 public:
  // `folder` and `digest` are the model's; the tokenizer is read where stop texts are asked for.
  BatchingEngine(const std::filesystem::path& folder, std::string digest,
                 std::unique_ptr<DecoderBackend> decoder, const EngineOptions& options);
  ~BatchingEngine() override;

  void Generate(GenerateRequest request,
                std::function<void(std::vector<Continuation>)> done) override;
  void Score(SequencePtr sequence, std::function<void(float)> done) override;
  void LogProb(SequencePtr sequence, std::function<void(double)> done) override;
  int MaxTokens() const override { return decoder_->MaxLength(); }
  EngineCounters Counters() const override;
  const std::string& ModelDigest() const override { return digest_; }
  // As of the last tick that has answered.
  EngineUsage Usage() const;

 private:
  using JobPtr = std::unique_ptr<Job>;
  // What an output row of the pass is for.
  struct Output {
    Job* job = nullptr;
    Sample* sample = nullptr;  // None: a context row, or a sample that has ended.
    int position = 0;
  };

  void Submit(JobPtr job);
  void CheckTokens(const SequencePtr& sequence) const;
  const Tokenizer& LoadedTokenizer();
  void Run();
  bool Receive();
  void Tick();
  void Report();

  void BuildPass();
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
  void Harvest();
  void TakeContext(Job& job, const OutputWish& wish, const Output& output, double value);
  // Appends one token to a sample; true when that ended it.
  bool Append(Job& job, int index, const TokenDraw& draw);
  std::optional<StopReason> EndAfter(Job& job, int index, int position);
  void EndSample(Sample& sample);
  void Finish(Job& job);
  void Answer(Job& job);
  void Drop(Job& job);

  EngineOptions options_;
  std::filesystem::path folder_;
  std::string digest_;
  std::unique_ptr<DecoderBackend> decoder_;
  KvArena arena_;

  std::deque<JobPtr> waiting_;
  std::list<JobPtr> active_;   // In order of admission.
  std::list<Sample> samples_;  // Being decoded.
  int reserved_rows_ = 0;      // Of admitted requests that have not started a sample yet.
  std::vector<Job*> done_;
  Pass pass_;                    // Of the tick, as are the next two.
  std::vector<Output> outputs_;  // By wish.
  PassResult result_;
  std::size_t next_draw_ = 0, next_top_ = 0;  // Of the result.
  int prefill_left_ = 0;
  EngineCounters tick_;  // Of the tick.

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<JobPtr> inbox_;  // Guarded by mutex_, as are the next four.
  bool stop_ = false;
  EngineCounters counters_;
  EngineUsage usage_;
  std::optional<Tokenizer> tokenizer_;  // Loaded with the first request that has stop texts.
  std::thread thread_;
};

}  // namespace gradus
