#pragma once
#include <functional>
#include <list>
#include <vector>

#include "workers/engine/engine.h"
#include "workers/engine/kv_arena.h"
#include "workers/engine/sampling.h"
#include "workers/engine/stop_text.h"

namespace gradus {

enum class JobKind : std::uint8_t { kGenerate, kScore, kLogProb };

// One request inside the engine. First its context is computed, then (kGenerate) its samples are
// decoded.
struct Job {
  JobKind kind = JobKind::kGenerate;
  GenerateRequest request;  // For the other kinds only `context` counts.
  std::function<void(std::vector<Continuation>)> generated;
  std::function<void(float)> scored;
  std::function<void(double)> summed;

  // Context. kLogProb keeps the whole path in slots of its own, since it needs every token's
  // logits.
  int rope_table = 0;
  std::vector<SequencePtr> path;
  PathPlace place;                         // Its slots are those of the context, by position.
  int copied = 0;                          // Context tokens whose keys are where attention reads.
  std::vector<TokenId> tokens;             // kLogProb: the path's tokens.
  std::vector<std::int32_t> first_suffix;  // Reserved at admission: one sample can always run.
  int next = 0;                            // kLogProb: first position not yet computed.
  bool context_done = false;

  std::vector<TokenDraw> first_draws;  // By sample; there once the context is done.
  std::vector<StopText> stop_texts;    // By sample, of a request with stop texts.
  std::vector<Continuation> results;
  int started = 0, finished = 0;
  double sum = 0;        // kScore: the raw value; kLogProb: the sum so far.
  bool refused = false;  // Too long to ever run, or the engine failed.
  bool done = false;     // Only the answer is left to give.

  int ContextLength() const { return request.context->length(); }
};

// One continuation being decoded.
struct Sample {
  Job* job = nullptr;
  int index = 0;
  std::vector<std::int32_t> slots;    // By position: the context's, then its own.
  std::list<Sample>::iterator place;  // Among the running samples.
  Continuation& SoFar() const { return job->results[static_cast<std::size_t>(index)]; }
};

}  // namespace gradus
