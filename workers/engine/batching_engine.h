#pragma once
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "workers/engine/decoder_backend.h"
#include "workers/engine/engine.h"
#include "workers/engine/jobs.h"
#include "workers/engine/scheduler.h"

namespace gradus {

// The engine over one decoder, whatever its device: a thread that has the scheduler's passes
// computed, tick by tick. Everything but the inbox belongs to that thread. A tick that throws fails
// the requests that were there, and the engine goes on with an empty arena; three such ticks in a
// row end the process, since the device itself must be broken.
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

  void Submit(JobPtr job);
  void CheckTokens(const SequencePtr& sequence) const;
  const Tokenizer& LoadedTokenizer();
  void Run();
  bool Receive();
  std::vector<JobPtr> Tick();
  void Recover(const std::string& what);
  void Report(double busy_s);
  void Answer(Job& job) const;
  void DropAll();

  EngineOptions options_;
  std::filesystem::path folder_;
  std::string digest_;
  std::unique_ptr<DecoderBackend> decoder_;
  std::optional<Scheduler> scheduler_;
  EngineCounters before_;  // Of schedulers that were given up.
  PassResult result_;
  int failures_ = 0;  // Ticks in a row that threw.

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
