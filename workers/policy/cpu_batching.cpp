#include <algorithm>

#include "schemas/base/error.h"
#include "workers/policy/cpu_engine.h"

// Continuous batching: who runs in the next pass, and what its rows give.
namespace gradus {

void CpuEngine::BuildRows() {
  for (const JobPtr& job : active_) {
    if (job->kind == JobKind::kGenerate && !job->logits.empty()) StartSamples(*job);
  }
  AdmitWaiting();
  rows_.clear();
  outputs_.clear();
  prefill_left_ = options_.prefill_tokens;
  for (const JobPtr& job : active_) {
    if (job->context_done) continue;
    job->kind == JobKind::kLogProb ? AddLogProbRows(*job) : AddContextRows(*job);
  }
  for (Sample& sample : samples_) {
    const std::vector<TokenId>& tokens = sample.SoFar().tokens;
    const int position = sample.job->ContextLength() + static_cast<int>(tokens.size()) - 1;
    AddRow({tokens.back(), position, sample.slots.data(), sample.job->rope_table, true},
           {sample.job, &sample, position});
  }
}

// Slots that a sample's own tokens need: its last one is never fed, and no sequence outgrows the
// model.
int CpuEngine::SuffixSlots(const Job& job) const {
  const int room = decoder_.config().max_positions - job.ContextLength();
  return std::max(0, std::min(job.request.max_tokens, room) - 1);
}

bool CpuEngine::CanNeverFit(const Job& job) const {
  const int length = job.ContextLength();
  if (job.kind != JobKind::kGenerate) return length > decoder_.max_length();
  return length >= decoder_.config().max_positions || length + SuffixSlots(job) > arena_.size();
}

bool CpuEngine::HasFreeRow() const {
  return static_cast<int>(samples_.size()) + reserved_rows_ < options_.max_rows;
}

void CpuEngine::AdmitWaiting() {
  while (!waiting_.empty()) {
    Job& job = *waiting_.front();
    job.refused = CanNeverFit(job);
    if (!job.refused && !Admit(job)) return;
    active_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
    if (job.refused) {
      job.context_done = true;
      job.results.assign(static_cast<std::size_t>(job.request.samples),
                         {{}, {}, StopReason::kContextFull, {}});
      done_.push_back(&job);
    }
  }
}

// Reserves what the request needs to make progress whatever the others do: its context, and one
// sample's slots and row.
bool CpuEngine::Admit(Job& job) {
  if (job.kind == JobKind::kLogProb) {
    if (!arena_.Take(job.ContextLength(), job.slots)) return false;
    for (const SequencePtr& piece : job.path) {
      job.tokens.insert(job.tokens.end(), piece->tokens().begin(), piece->tokens().end());
    }
    return true;
  }
  const bool generate = job.kind == JobKind::kGenerate;
  if (generate && !HasFreeRow()) return false;
  if (!arena_.Admit(job.path, job.rope_table, generate ? SuffixSlots(job) : 0, job.pieces,
                    job.first_suffix)) {
    return false;
  }
  for (const CachedPiece* piece : job.pieces) {
    job.slots.insert(job.slots.end(), piece->slots.begin(), piece->slots.end());
  }
  if (generate) {
    ++reserved_rows_;
    job.results.resize(static_cast<std::size_t>(job.request.samples));
  }
  return true;
}

void CpuEngine::AddRow(const TokenRow& row, const Output& target) {
  rows_.push_back(row);
  if (row.output) outputs_.push_back(target);
}

void CpuEngine::AddContextRow(Job& job, TokenId token, int position, bool output) {
  AddRow({token, position, job.slots.data(), job.rope_table, output}, {&job, nullptr, position});
  --prefill_left_;
  ++(job.kind == JobKind::kScore ? tick_.tokens_scored : tick_.tokens_prefilled);
}

// Context tokens whose keys are missing, as many as the tick allows. A piece that another request
// has put into this same pass counts as there: in each layer all keys are written before any is
// read.
void CpuEngine::AddContextRows(Job& job) {
  const int last = job.ContextLength() - 1;
  int position = 0;
  TokenId last_token = 0;
  for (std::size_t i = 0; i < job.pieces.size(); ++i) {
    const std::vector<TokenId>& tokens = job.path[i]->tokens();
    CachedPiece& piece = *job.pieces[i];
    for (; piece.computed < static_cast<int>(tokens.size()); ++piece.computed) {
      if (prefill_left_ == 0) return;
      const int at = position + piece.computed;
      AddContextRow(job, tokens[static_cast<std::size_t>(piece.computed)], at, at == last);
      job.context_done = at == last;
    }
    position += static_cast<int>(tokens.size());
    if (!tokens.empty()) last_token = tokens.back();
  }
  // All keys were there: the last token once more, for what follows it.
  if (!job.context_done && prefill_left_ > 0) {
    AddContextRow(job, last_token, last, true);
    job.context_done = true;
  }
}

void CpuEngine::AddLogProbRows(Job& job) {
  const int last = job.ContextLength() - 1;
  for (; job.next < last && prefill_left_ > 0; ++job.next) {
    AddContextRow(job, job.tokens[static_cast<std::size_t>(job.next)], job.next, true);
  }
  job.context_done = job.next == last;
  if (last == 0) Finish(job);
}

void CpuEngine::Harvest(int outputs) {
  Require(outputs == static_cast<int>(outputs_.size()), "the pass lost an output row");
  for (int first = 0; first < outputs; first += CpuDecoder::kLogitRows) {
    const int count = std::min(CpuDecoder::kLogitRows, outputs - first);
    const auto begin = outputs_.begin() + first;
    const bool wanted = std::any_of(begin, begin + count, [](const Output& output) {
      return output.job->kind != JobKind::kScore;
    });
    const float* logits = wanted ? decoder_.Logits(first, count) : nullptr;
    for (int i = 0; i < count; ++i) {
      TakeOutput(
          begin[i], first + i,
          wanted ? logits + static_cast<std::ptrdiff_t>(i) * decoder_.logit_stride() : nullptr);
    }
  }
}

void CpuEngine::TakeOutput(const Output& output, int index, const float* logits) {
  Job& job = *output.job;
  if (job.kind == JobKind::kScore) {
    job.sum = static_cast<double>(decoder_.RawValue(index));
    Finish(job);
  } else if (job.kind == JobKind::kLogProb) {
    job.sum += sampler_.LogProb(logits, job.tokens[static_cast<std::size_t>(output.position) + 1]);
    if (output.position == job.ContextLength() - 2) Finish(job);
  } else if (!output.sample) {
    job.logits.assign(logits, logits + decoder_.config().vocab_size);
    if (job.request.top_logits > 0) {
      job.results[0].top = sampler_.Top(logits, job.request.top_logits);
    }
    --reserved_rows_;
    StartSample(job, std::move(job.first_suffix));
    StartSamples(job);
  } else if (Append(job, output.sample->SoFar(), output.sample->index, logits)) {
    EndSample(*output.sample);
  }
}

void CpuEngine::StartSamples(Job& job) {
  while (job.started < job.request.samples && HasFreeRow()) {
    std::vector<std::int32_t> suffix;
    if (!arena_.Take(SuffixSlots(job), suffix)) return;
    StartSample(job, std::move(suffix));
  }
}

// Starts samples one after the other in these slots until one goes on beyond its first token.
void CpuEngine::StartSample(Job& job, std::vector<std::int32_t> suffix) {
  while (job.started < job.request.samples) {
    const int index = job.started++;
    if (Append(job, job.results[static_cast<std::size_t>(index)], index, job.logits.data())) {
      ++job.finished;
      continue;
    }
    Sample& sample = samples_.emplace_back();
    sample.job = &job;
    sample.index = index;
    sample.slots = job.slots;
    sample.slots.insert(sample.slots.end(), suffix.begin(), suffix.end());
    sample.place = std::prev(samples_.end());
    return;
  }
  arena_.Give(suffix);
  if (job.finished == job.request.samples) Finish(job);
}

bool CpuEngine::Append(const Job& job, Continuation& so_far, int index, const float* logits) {
  const GenerateRequest& request = job.request;
  const int position = job.ContextLength() + static_cast<int>(so_far.tokens.size());
  const TokenDraw draw = sampler_.Draw(logits, request.sampling,
                                       MixSeed(request.seed, static_cast<std::uint64_t>(index),
                                               static_cast<std::uint64_t>(position)));
  so_far.tokens.push_back(draw.id);
  so_far.logprobs.push_back(draw.logprob);
  ++tick_.tokens_generated;
  const std::vector<TokenId>& stops = request.stop_ids;
  if (std::find(stops.begin(), stops.end(), draw.id) != stops.end()) {
    so_far.reason = StopReason::kStopId;
    return true;
  }
  if (static_cast<int>(so_far.tokens.size()) == request.max_tokens) {
    so_far.reason = StopReason::kMaxTokens;
    return true;
  }
  const ModelConfig& config = decoder_.config();
  if (position + 1 == config.max_positions || config.rope.TableOf(position + 1) != job.rope_table) {
    so_far.reason = StopReason::kContextFull;
    return true;
  }
  return false;
}

void CpuEngine::EndSample(Sample& sample) {
  Job& job = *sample.job;
  ++job.finished;
  std::vector<std::int32_t> suffix(sample.slots.begin() + job.ContextLength(), sample.slots.end());
  samples_.erase(sample.place);
  StartSample(job, std::move(suffix));
}

void CpuEngine::Finish(Job& job) {
  if (job.kind == JobKind::kLogProb) {
    arena_.Give(job.slots);
  } else {
    arena_.Unpin(job.path, job.rope_table);
  }
  job.logits.clear();
  done_.push_back(&job);
}

}  // namespace gradus
