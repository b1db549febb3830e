#include "workers/engine/scheduler.h"

#include <algorithm>

// Who runs in the next pass.
namespace gradus {

Scheduler::Scheduler(const DecoderBackend& decoder, const EngineOptions& options)
    : decoder_(decoder), options_(options), arena_(decoder.kv_tokens(), decoder.layout()) {
  pass_.rows.reserve(static_cast<std::size_t>(options.max_rows + options.prefill_tokens));
}

EngineUsage Scheduler::Usage() const {
  return {.rows = static_cast<int>(samples_.size()) + reserved_rows_,
          .requests = static_cast<int>(active_.size() + waiting_.size()),
          .free_slots = arena_.free_slots(),
          .pieces = static_cast<int>(arena_.pieces()),
          .pinned_pieces = static_cast<int>(arena_.pinned_pieces())};
}

const Pass& Scheduler::NextPass() {
  CancelStopped();
  for (const JobPtr& job : active_) {
    if (!job->first_draws.empty()) StartSamples(*job);
  }
  AdmitWaiting();
  pass_.rows.clear();
  pass_.copies.clear();
  pass_.wishes.clear();
  pass_.steps = decoder_.max_steps();
  outputs_.clear();
  prefill_left_ = options_.prefill_tokens;
  for (const JobPtr& job : active_) {
    if (job->context_done) continue;
    job->kind == JobKind::kLogProb ? AddLogProbRows(*job) : AddContextRows(*job);
  }
  if (!pass_.rows.empty()) pass_.steps = 1;
  AddSampleRows();
  return pass_;
}

// One row per running sample; as many steps as all of them have slots for.
void Scheduler::AddSampleRows() {
  for (Sample& sample : samples_) {
    const Job& job = *sample.job;
    const std::vector<TokenId>& tokens = sample.SoFar().tokens;
    const int position = job.ContextLength() + static_cast<int>(tokens.size()) - 1;
    OutputWish wish;
    wish.sampling = &job.request.sampling;
    wish.seed = job.request.seed;
    wish.first_sample = sample.index;
    wish.position = position + 1;
    AddRow({.token = tokens.back(),
            .position = position,
            .slots = sample.slots.data(),
            .slot = sample.slots[static_cast<std::size_t>(position)],
            .shared = job.ContextLength(),
            .rope_table = job.rope_table,
            .output = true},
           wish, {sample.job, &sample, position});
    pass_.steps = std::min(pass_.steps, static_cast<int>(sample.slots.size()) - position);
  }
}

// Slots that a sample's own tokens need: its last one is never fed, and no sequence outgrows the
// model.
int Scheduler::SuffixSlots(const Job& job) const {
  const int room = decoder_.config().max_positions - job.ContextLength();
  return std::max(0, std::min(job.request.max_tokens, room) - 1);
}

bool Scheduler::CanNeverFit(const Job& job) const {
  const int length = job.ContextLength();
  if (job.kind != JobKind::kGenerate) return length > decoder_.MaxLength();
  return length >= decoder_.config().max_positions || length + SuffixSlots(job) > arena_.size();
}

bool Scheduler::HasFreeRow() const {
  return static_cast<int>(samples_.size()) + reserved_rows_ < options_.max_rows;
}

void Scheduler::AdmitWaiting() {
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
      job.done = true;
    }
  }
}

// Reserves what the request needs to make progress whatever the others do: its context, and one
// sample's slots and row.
bool Scheduler::Admit(Job& job) {
  if (job.kind == JobKind::kLogProb) {
    if (!arena_.Take(job.ContextLength(), job.place.slots)) return false;
    for (const SequencePtr& piece : job.path) {
      job.tokens.insert(job.tokens.end(), piece->tokens().begin(), piece->tokens().end());
    }
    return true;
  }
  const bool generate = job.kind == JobKind::kGenerate;
  if (generate && !HasFreeRow()) return false;
  if (!arena_.Admit(job.path, job.rope_table, generate ? SuffixSlots(job) : 0, job.place,
                    job.first_suffix)) {
    return false;
  }
  if (generate) {
    ++reserved_rows_;
    job.results.resize(static_cast<std::size_t>(job.request.samples));
  }
  return true;
}

void Scheduler::AddRow(const TokenRow& row, const OutputWish& wish, const Output& target) {
  pass_.rows.push_back(row);
  if (!row.output) return;
  pass_.wishes.push_back(wish);
  outputs_.push_back(target);
}

void Scheduler::AddContextRow(Job& job, TokenId token, int position, std::int32_t slot,
                              const OutputWish* wish) {
  AddRow({.token = token,
          .position = position,
          .slots = job.place.slots.data(),
          .slot = slot,
          .rope_table = job.rope_table,
          .output = wish != nullptr},
         wish ? *wish : OutputWish{}, {&job, nullptr, position});
  --prefill_left_;
  ++(job.kind == JobKind::kScore ? counters_.tokens_scored : counters_.tokens_prefilled);
}

// At a context's end: the first token of every sample at once, or the value.
OutputWish Scheduler::ContextWish(const Job& job) const {
  OutputWish wish;
  if (job.kind == JobKind::kScore) {
    wish.kind = OutputWish::Kind::kValue;
    return wish;
  }
  wish.sampling = &job.request.sampling;
  wish.seed = job.request.seed;
  wish.samples = job.request.samples;
  wish.position = job.ContextLength();
  wish.top = std::min(job.request.top_logits, decoder_.config().vocab_size);
  return wish;
}

// Context tokens whose keys are missing, as many as the tick allows. A piece that another request
// has put into this same pass counts as there: in each layer all keys are written before any is
// read.
void Scheduler::AddContextRows(Job& job) {
  const int last = job.ContextLength() - 1;
  const OutputWish wish = ContextWish(job);
  int position = 0;
  TokenId last_token = 0;
  std::int32_t last_slot = 0;
  for (std::size_t i = 0; i < job.path.size(); ++i) {
    const std::vector<TokenId>& tokens = job.path[i]->tokens();
    CachedPiece& piece = *job.place.pieces[i];
    for (; piece.computed < static_cast<int>(tokens.size()) && prefill_left_ > 0;
         ++piece.computed) {
      const auto k = static_cast<std::size_t>(piece.computed);
      const int at = position + piece.computed;
      AddContextRow(job, tokens[k], at, piece.slots[k], at == last ? &wish : nullptr);
      job.context_done = at == last;
    }
    CopyComputed(job, position, piece);
    if (piece.computed < static_cast<int>(tokens.size())) return;
    position += static_cast<int>(tokens.size());
    if (tokens.empty()) continue;
    last_token = tokens.back();
    last_slot = piece.slots.back();
  }
  // All keys were there: the last token once more, for what follows it.
  if (!job.context_done && prefill_left_ > 0) {
    AddContextRow(job, last_token, last, last_slot, &wish);
    job.context_done = true;
  }
}

// Has the keys of a piece copied to where this request's attention reads, where that is elsewhere.
void Scheduler::CopyComputed(Job& job, int piece_begin, const CachedPiece& piece) {
  for (; job.copied < piece_begin + piece.computed; ++job.copied) {
    const std::int32_t from = piece.slots[static_cast<std::size_t>(job.copied - piece_begin)];
    const std::int32_t to = job.place.slots[static_cast<std::size_t>(job.copied)];
    if (from != to) pass_.copies.push_back({from, to});
  }
}

void Scheduler::AddLogProbRows(Job& job) {
  const int last = job.ContextLength() - 1;
  OutputWish wish;
  wish.kind = OutputWish::Kind::kLogProb;
  for (; job.next < last && prefill_left_ > 0; ++job.next) {
    const auto at = static_cast<std::size_t>(job.next);
    wish.next = job.tokens[at + 1];
    AddContextRow(job, job.tokens[at], job.next, job.place.slots[at], &wish);
  }
  job.context_done = job.next == last;
  if (last == 0) Finish(job);
}

void Scheduler::StartSamples(Job& job) {
  while (job.started < job.request.samples && HasFreeRow()) {
    std::vector<std::int32_t> suffix;
    if (!arena_.Take(SuffixSlots(job), suffix)) return;
    StartSample(job, std::move(suffix));
  }
}

// Starts samples one after the other in these slots until one goes on beyond its first token.
void Scheduler::StartSample(Job& job, std::vector<std::int32_t> suffix) {
  while (job.started < job.request.samples) {
    const int index = job.started++;
    if (Append(job, index, job.first_draws[static_cast<std::size_t>(index)])) {
      ++job.finished;
      continue;
    }
    Sample& sample = samples_.emplace_back();
    sample.job = &job;
    sample.index = index;
    sample.slots = job.place.slots;
    sample.slots.insert(sample.slots.end(), suffix.begin(), suffix.end());
    sample.place = std::prev(samples_.end());
    return;
  }
  arena_.Give(suffix);
  if (job.finished == job.request.samples) Finish(job);
}

}  // namespace gradus
