#include "workers/policy/cpu_engine.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "schemas/base/error.h"
#include "schemas/base/log.h"
#include "workers/policy/hf_folder.h"

namespace gradus {

CpuEngine::CpuEngine(const std::filesystem::path& model, const EngineOptions& options)
    : options_(options),
      digest_(gradus::ModelDigest(model)),
      decoder_(model, options.max_rows + options.prefill_tokens, options.kv_tokens),
      arena_(options.kv_tokens),
      sampler_(decoder_.config().vocab_size) {
  rows_.reserve(static_cast<std::size_t>(options.max_rows + options.prefill_tokens));
  thread_ = std::thread([this] { Run(); });
}

CpuEngine::~CpuEngine() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void CpuEngine::CheckTokens(const SequencePtr& sequence) const {
  if (!sequence || sequence->length() == 0) Fail("engine: a request needs at least one token");
  for (const Sequence* piece = sequence.get(); piece; piece = piece->parent().get()) {
    for (TokenId token : piece->tokens()) {
      if (token < 0 || token >= decoder_.config().vocab_size) {
        Fail("engine: token id {} is outside the model's vocabulary of {}", token,
             decoder_.config().vocab_size);
      }
    }
  }
}

void CpuEngine::Generate(GenerateRequest request,
                         std::function<void(std::vector<Continuation>)> done) {
  CheckTokens(request.context);
  if (request.samples < 1 || request.max_tokens < 1) {
    Fail("engine: samples and max_tokens must be at least 1");
  }
  auto job = std::make_unique<Job>();
  job->request = std::move(request);
  job->generated = std::move(done);
  Submit(std::move(job));
}

void CpuEngine::Score(SequencePtr sequence, std::function<void(float)> done) {
  CheckTokens(sequence);
  if (!decoder_.has_value_head()) Fail("engine: this model has no value head, so it cannot score");
  auto job = std::make_unique<Job>();
  job->kind = JobKind::kScore;
  job->request.context = std::move(sequence);
  job->scored = std::move(done);
  Submit(std::move(job));
}

void CpuEngine::LogProb(SequencePtr sequence, std::function<void(double)> done) {
  CheckTokens(sequence);
  auto job = std::make_unique<Job>();
  job->kind = JobKind::kLogProb;
  job->request.context = std::move(sequence);
  job->summed = std::move(done);
  Submit(std::move(job));
}

void CpuEngine::Submit(JobPtr job) {
  job->path = PathOf(job->request.context);
  job->rope_table = decoder_.config().rope.TableOf(job->ContextLength());
  {
    const std::lock_guard lock(mutex_);
    inbox_.push_back(std::move(job));
  }
  wake_.notify_one();
}

EngineCounters CpuEngine::Counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

void CpuEngine::Run() {
  while (Receive()) Tick();
  for (JobPtr& job : active_) Drop(*job);
  for (JobPtr& job : waiting_) Drop(*job);
  for (JobPtr& job : inbox_) Drop(*job);
}

// Takes new requests; sleeps while there is nothing to do. False: stop.
bool CpuEngine::Receive() {
  std::unique_lock lock(mutex_);
  wake_.wait(lock,
             [&] { return stop_ || !inbox_.empty() || !active_.empty() || !waiting_.empty(); });
  for (JobPtr& job : inbox_) waiting_.push_back(std::move(job));
  inbox_.clear();
  return !stop_;
}

void CpuEngine::Tick() {
  const double begin = MonotonicSeconds();
  tick_ = EngineCounters{};
  BuildRows();
  if (!rows_.empty()) Harvest(decoder_.Forward(rows_));
  tick_.busy_s = MonotonicSeconds() - begin;
  {
    const std::lock_guard lock(mutex_);
    counters_.tokens_generated += tick_.tokens_generated;
    counters_.tokens_prefilled += tick_.tokens_prefilled;
    counters_.tokens_scored += tick_.tokens_scored;
    counters_.busy_s += tick_.busy_s;
  }
  for (Job* job : done_) Answer(*job);
  done_.clear();
  std::erase_if(active_, [](const JobPtr& job) { return job->answered; });
}

// Calls back with what the request got.
void CpuEngine::Answer(Job& job) {
  constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();
  job.answered = true;
  if (job.generated) job.generated(std::move(job.results));
  if (job.scored) {
    job.scored(
        static_cast<float>(job.refused ? kNothing : std::tanh(job.sum / options_.ppm_scale)));
  }
  if (job.summed) job.summed(job.refused ? kNothing : job.sum);
}

void CpuEngine::Drop(Job& job) {
  job.refused = true;
  job.results.clear();
  Answer(job);
}

}  // namespace gradus
