#include "workers/engine/batching_engine.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>

#include "schemas/base/error.h"
#include "schemas/base/log.h"

namespace gradus {

BatchingEngine::BatchingEngine(const std::filesystem::path& folder, std::string digest,
                               std::unique_ptr<DecoderBackend> decoder,
                               const EngineOptions& options)
    : options_(options), folder_(folder), digest_(std::move(digest)), decoder_(std::move(decoder)) {
  scheduler_.emplace(*decoder_, options_);
  usage_ = scheduler_->Usage();
  thread_ = std::thread([this] { Run(); });
}

BatchingEngine::~BatchingEngine() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void BatchingEngine::CheckTokens(const SequencePtr& sequence) const {
  if (!sequence || sequence->length() == 0) Fail("engine: a request needs at least one token");
  for (const Sequence* piece = sequence.get(); piece; piece = piece->parent().get()) {
    for (TokenId token : piece->tokens()) {
      if (token < 0 || token >= decoder_->config().vocab_size) {
        Fail("engine: token id {} is outside the model's vocabulary of {}", token,
             decoder_->config().vocab_size);
      }
    }
  }
}

void BatchingEngine::Generate(GenerateRequest request,
                              std::function<void(std::vector<Continuation>)> done) {
  CheckTokens(request.context);
  if (request.samples < 1 || request.max_tokens < 1) {
    Fail("engine: samples and max_tokens must be at least 1");
  }
  const std::vector<std::string>& stops = request.stop_texts;
  if (std::find(stops.begin(), stops.end(), "") != stops.end()) {
    Fail("engine: a stop text is empty");
  }
  auto job = std::make_unique<Job>();
  job->request = std::move(request);
  if (!job->request.stop_texts.empty()) {
    job->stop_texts.assign(static_cast<std::size_t>(job->request.samples),
                           StopText(LoadedTokenizer(), job->request.stop_texts));
  }
  job->generated = std::move(done);
  Submit(std::move(job));
}

void BatchingEngine::Score(SequencePtr sequence, std::function<void(float)> done) {
  CheckTokens(sequence);
  if (!decoder_->has_value_head()) Fail("engine: this model has no value head, so it cannot score");
  auto job = std::make_unique<Job>();
  job->kind = JobKind::kScore;
  job->request.context = std::move(sequence);
  job->scored = std::move(done);
  Submit(std::move(job));
}

void BatchingEngine::LogProb(SequencePtr sequence, std::function<void(double)> done) {
  CheckTokens(sequence);
  auto job = std::make_unique<Job>();
  job->kind = JobKind::kLogProb;
  job->request.context = std::move(sequence);
  job->summed = std::move(done);
  Submit(std::move(job));
}

// The tokenizer stays where it is once it is there.
const Tokenizer& BatchingEngine::LoadedTokenizer() {
  const std::lock_guard lock(mutex_);
  if (!tokenizer_) tokenizer_.emplace(Tokenizer::Load(folder_));
  return *tokenizer_;
}

void BatchingEngine::Submit(JobPtr job) {
  job->path = PathOf(job->request.context);
  job->rope_table = decoder_->config().rope.TableOf(job->ContextLength());
  {
    const std::lock_guard lock(mutex_);
    inbox_.push_back(std::move(job));
  }
  wake_.notify_one();
}

EngineCounters BatchingEngine::Counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

void BatchingEngine::Run() {
  while (Receive()) {
    std::vector<JobPtr> done;
    try {
      done = Tick();
      failures_ = 0;
    } catch (const std::exception& error) {
      Recover(error.what());
    }
    for (const JobPtr& job : done) Answer(*job);
  }
  DropAll();
}

// Takes new requests; sleeps while there is nothing to do. False: stop.
bool BatchingEngine::Receive() {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [&] { return stop_ || !inbox_.empty() || !scheduler_->Idle(); });
  for (JobPtr& job : inbox_) scheduler_->Add(std::move(job));
  inbox_.clear();
  return !stop_;
}

// The requests that have ended.
std::vector<BatchingEngine::JobPtr> BatchingEngine::Tick() {
  const double begin = MonotonicSeconds();
  const Pass& pass = scheduler_->NextPass();
  if (!pass.rows.empty()) {
    decoder_->Compute(pass, result_);
    scheduler_->Take(result_);
  }
  std::vector<JobPtr> done = scheduler_->TakeDone();
  Report(MonotonicSeconds() - begin);
  return done;
}

// What a failed pass has left of the arena cannot be known, so all of it is given up.
void BatchingEngine::Recover(const std::string& what) {
  constexpr int kMostFailures = 3;
  Log("generation failed: {}; the requests in it fail", what);
  if (++failures_ == kMostFailures) {
    Log("generation failed {} times in a row; this process ends", kMostFailures);
    std::terminate();
  }
  DropAll();
  before_ = counters_;
  scheduler_.emplace(*decoder_, options_);
}

void BatchingEngine::Report(double busy_s) {
  const EngineCounters& now = scheduler_->counters();
  const std::lock_guard lock(mutex_);
  counters_.tokens_generated = before_.tokens_generated + now.tokens_generated;
  counters_.tokens_prefilled = before_.tokens_prefilled + now.tokens_prefilled;
  counters_.tokens_scored = before_.tokens_scored + now.tokens_scored;
  counters_.pieces_evicted = before_.pieces_evicted + now.pieces_evicted;
  counters_.busy_s += busy_s;
  usage_ = scheduler_->Usage();
}

EngineUsage BatchingEngine::Usage() const {
  const std::lock_guard lock(mutex_);
  return usage_;
}

// Calls back with what the request got.
void BatchingEngine::Answer(Job& job) const {
  constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();
  if (job.generated) job.generated(std::move(job.results));
  if (job.scored) {
    job.scored(
        static_cast<float>(job.refused ? kNothing : std::tanh(job.sum / options_.ppm_scale)));
  }
  if (job.summed) job.summed(job.refused ? kNothing : job.sum);
}

void BatchingEngine::DropAll() {
  std::vector<JobPtr> left = scheduler_->TakeAll();
  {
    const std::lock_guard lock(mutex_);
    for (JobPtr& job : inbox_) left.push_back(std::move(job));
    inbox_.clear();
  }
  for (const JobPtr& job : left) {
    job->refused = true;
    job->results.clear();
    Answer(*job);
  }
}

}  // namespace gradus
