#include <algorithm>

#include "workers/engine/scheduler.h"

// What the rows of a pass give, and how samples and requests end.
namespace gradus {

void Scheduler::Take(PassResult& result) {
  next_draw_ = next_top_ = 0;
  for (int step = 0; step < pass_.steps; ++step) {
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      Output& output = outputs_[i];
      if (output.position < output.job->ContextLength()) {
        TakeContext(*output.job, pass_.wishes[i], output, result.values[i], result);
        continue;
      }
      const TokenDraw draw = result.draws[next_draw_++];
      if (output.sample && Append(*output.job, output.sample->index, draw)) {
        EndSample(*std::exchange(output.sample, nullptr));
      }
    }
  }
}

void Scheduler::TakeContext(Job& job, const OutputWish& wish, const Output& output, double value,
                            PassResult& result) {
  if (job.kind == JobKind::kScore) {
    job.sum = value;
    return Finish(job);
  }
  if (job.kind == JobKind::kLogProb) {
    job.sum += value;
    if (output.position == job.ContextLength() - 2) Finish(job);
    return;
  }
  const auto begin = result.draws.begin() + static_cast<std::ptrdiff_t>(next_draw_);
  job.first_draws.assign(begin, begin + wish.samples);
  next_draw_ += static_cast<std::size_t>(wish.samples);
  if (wish.top > 0) job.results[0].top = std::move(result.tops[next_top_++]);
  --reserved_rows_;
  StartSample(job, std::move(job.first_suffix));
  StartSamples(job);
}

bool Scheduler::Append(Job& job, int index, const TokenDraw& draw) {
  Continuation& so_far = job.results[static_cast<std::size_t>(index)];
  const int position = job.ContextLength() + static_cast<int>(so_far.tokens.size());
  so_far.tokens.push_back(draw.id);
  so_far.logprobs.push_back(draw.logprob);
  ++counters_.tokens_generated;
  if (job.request.on_token) job.request.on_token(index, draw.id);
  const std::optional<StopReason> end = EndAfter(job, index, position);
  so_far.reason = end.value_or(so_far.reason);
  return end.has_value();
}

// Why a sample ends with its newest token, at `position`, if it does.
std::optional<StopReason> Scheduler::EndAfter(Job& job, int index, int position) {
  const GenerateRequest& request = job.request;
  const std::vector<TokenId>& tokens = job.results[static_cast<std::size_t>(index)].tokens;
  const std::vector<TokenId>& stops = request.stop_ids;
  if (std::find(stops.begin(), stops.end(), tokens.back()) != stops.end()) {
    return StopReason::kStopId;
  }
  if (!job.stop_texts.empty() &&
      job.stop_texts[static_cast<std::size_t>(index)].Push(tokens.back())) {
    return StopReason::kStopText;
  }
  if (static_cast<int>(tokens.size()) == request.max_tokens) return StopReason::kMaxTokens;
  const ModelConfig& config = decoder_.config();
  if (position + 1 == config.max_positions || config.rope.TableOf(position + 1) != job.rope_table) {
    return StopReason::kContextFull;
  }
  return std::nullopt;
}

void Scheduler::EndSample(Sample& sample) {
  Job& job = *sample.job;
  ++job.finished;
  std::vector<std::int32_t> suffix(sample.slots.begin() + job.ContextLength(), sample.slots.end());
  samples_.erase(sample.place);
  StartSample(job, std::move(suffix));
}

void Scheduler::CancelStopped() {
  for (const JobPtr& job : active_) {
    if (!job->done && job->request.cancel.stop_requested()) Cancel(*job);
  }
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    if (!(*it)->request.cancel.stop_requested()) {
      ++it;
      continue;
    }
    Job& job = **it;
    job.context_done = true;
    job.results.assign(static_cast<std::size_t>(job.request.samples),
                       {{}, {}, StopReason::kCancelled, {}});
    job.done = true;
    active_.push_back(std::move(*it));
    it = waiting_.erase(it);
  }
}

// Ends an admitted request where it stands. What is not finished says so.
void Scheduler::Cancel(Job& job) {
  std::vector<bool> ended(job.results.size(), false);
  for (int i = 0; i < job.started; ++i) ended[static_cast<std::size_t>(i)] = true;
  for (auto it = samples_.begin(); it != samples_.end();) {
    if (it->job != &job) {
      ++it;
      continue;
    }
    ended[static_cast<std::size_t>(it->index)] = false;
    arena_.Give({it->slots.begin() + job.ContextLength(), it->slots.end()});
    it = samples_.erase(it);
  }
  for (std::size_t i = 0; i < ended.size(); ++i) {
    if (!ended[i]) job.results[i].reason = StopReason::kCancelled;
  }
  if (!job.context_done) {
    --reserved_rows_;
    arena_.Give(job.first_suffix);
  }
  job.context_done = true;
  Finish(job);
}

void Scheduler::Finish(Job& job) {
  if (job.kind == JobKind::kLogProb) {
    arena_.Give(job.place.slots);
  } else {
    arena_.Release(job.path, job.rope_table, job.place);
  }
  job.first_draws.clear();
  job.done = true;
}

std::vector<Scheduler::JobPtr> Scheduler::TakeDone() {
  std::vector<JobPtr> done;
  for (JobPtr& job : active_) {
    if (job->done) done.push_back(std::move(job));
  }
  std::erase(active_, nullptr);
  if (active_.empty()) arena_.SweepDead();
  counters_.pieces_evicted = arena_.evicted();
  return done;
}

std::vector<Scheduler::JobPtr> Scheduler::TakeAll() {
  std::vector<JobPtr> all;
  for (JobPtr& job : active_) all.push_back(std::move(job));
  for (JobPtr& job : waiting_) all.push_back(std::move(job));
  active_.clear();
  waiting_.clear();
  samples_.clear();
  return all;
}

}  // namespace gradus
