#pragma once
#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <thread>

#include "workers/policy/cpu_decoder.h"
#include "workers/policy/engine.h"
#include "workers/policy/jobs.h"
#include "workers/policy/kv_arena.h"
#include "workers/policy/sampling.h"

namespace gradus {

// The engine on one CPU core. A tick admits requests while rows and slots allow, builds one batch
// of context rows and of one row per running sample, computes it and samples. Everything but the
// inbox belongs to the engine's thread.
class CpuEngine final : public Engine {
 public:
  CpuEngine(const std::filesystem::path& model, const EngineOptions& options);
  ~CpuEngine() override;

  void Generate(GenerateRequest request,
                std::function<void(std::vector<Continuation>)> done) override;
  void Score(SequencePtr sequence, std::function<void(float)> done) override;
  void LogProb(SequencePtr sequence, std::function<void(double)> done) override;
  int MaxTokens() const override { return decoder_.max_length(); }
  EngineCounters Counters() const override;
  const std::string& ModelDigest() const override { return digest_; }

 private:
  using JobPtr = std::unique_ptr<Job>;
  // What an output row of the pass is for.
  struct Output {
    Job* job = nullptr;
    Sample* sample = nullptr;  // None: a context row.
    int position = 0;
  };

  void Submit(JobPtr job);
  void CheckTokens(const SequencePtr& sequence) const;
  void Run();
  bool Receive();
  void Tick();

  void BuildRows();
  void AdmitWaiting();
  bool CanNeverFit(const Job& job) const;
  bool Admit(Job& job);
  int SuffixSlots(const Job& job) const;
  bool HasFreeRow() const;
  void StartSamples(Job& job);
  void StartSample(Job& job, std::vector<std::int32_t> suffix);

  void AddContextRows(Job& job);
  void AddLogProbRows(Job& job);
  void AddRow(const TokenRow& row, const Output& target);
  void AddContextRow(Job& job, TokenId token, int position, bool output);
  void Harvest(int outputs);
  void TakeOutput(const Output& output, int index, const float* logits);
  // Appends one token to a sample; true when that ended it.
  bool Append(const Job& job, Continuation& so_far, int index, const float* logits);
  void EndSample(Sample& sample);
  void Finish(Job& job);
  void Answer(Job& job);
  void Drop(Job& job);

  EngineOptions options_;
  std::string digest_;
  CpuDecoder decoder_;
  KvArena arena_;
  TokenSampler sampler_;

  std::deque<JobPtr> waiting_;
  std::list<JobPtr> active_;   // In order of admission.
  std::list<Sample> samples_;  // Being decoded.
  int reserved_rows_ = 0;      // Of admitted requests that have not started a sample yet.
  std::vector<Job*> done_;
  std::vector<TokenRow> rows_;  // Of the tick.
  std::vector<Output> outputs_;
  int prefill_left_ = 0;
  EngineCounters tick_;  // Of the tick.

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<JobPtr> inbox_;  // Guarded by mutex_, as are the next two.
  bool stop_ = false;
  EngineCounters counters_;
  std::thread thread_;
};

}  // namespace gradus
