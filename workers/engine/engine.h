#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "schemas/base/seed.h"
#include "workers/models/tokenizer/tokenizer.h"

namespace gradus {

class Settings;

// A token sequence as a chain of immutable pieces: a tree path. Siblings share their prefix by
// pointer, and the engine keeps keys and values per piece, so a child never recomputes its parent's
// prefix.
class Sequence {
 public:
  Sequence(std::shared_ptr<const Sequence> parent, std::vector<TokenId> tokens)
      : parent_(std::move(parent)),
        tokens_(std::move(tokens)),
        length_((parent_ ? parent_->length_ : 0) + static_cast<int>(tokens_.size())) {}
  Sequence(const Sequence&) = delete;
  // Ancestors that only this chain holds go one by one: no recursion, however deep the chain.
  ~Sequence() {
    std::shared_ptr<const Sequence> last = std::move(parent_);
    while (last && last.use_count() == 1)
      last = std::shared_ptr<const Sequence>(std::move(last->parent_));
  }
  const std::shared_ptr<const Sequence>& parent() const { return parent_; }
  const std::vector<TokenId>& tokens() const { return tokens_; }
  int length() const { return length_; }  // Tokens of the whole path.

 private:
  mutable std::shared_ptr<const Sequence> parent_;  // Moved from by the destructor only.
  std::vector<TokenId> tokens_;
  int length_;
};
using SequencePtr = std::shared_ptr<const Sequence>;
inline SequencePtr Extend(SequencePtr parent, std::vector<TokenId> tokens) {
  return std::make_shared<const Sequence>(std::move(parent), std::move(tokens));
}

struct SamplingOptions {
  double temperature = 1.0;  // 0: greedy.
  double top_p = 1.0;
  int top_k = 0;     // 0: off.
  double min_p = 0;  // Least probability kept, as a share of the likeliest token's; 0: off.
};

struct GenerateRequest {
  SequencePtr context;
  int samples = 1;
  int max_tokens = 64;            // Per sample, stop token included.
  std::vector<TokenId> stop_ids;  // A sample ends with the first of these (kept in its tokens).
  // A sample ends with the token that completes one of these in its decoded text (kept too).
  std::vector<std::string> stop_texts;
  SamplingOptions sampling;
  Seed seed = 0;       // Sample i at position p of the sequence draws from MixSeed(seed, i, p).
  int top_logits = 0;  // > 0: the first continuation's `top` receives that many.
  // Once stopped, the request ends at the next tick: it answers with what it has.
  std::stop_token cancel;
  // Called for every token of a sample as it comes, on the engine's thread.
  std::function<void(int sample, TokenId id)> on_token;
};

enum class StopReason : std::uint8_t { kStopId, kStopText, kMaxTokens, kContextFull, kCancelled };
struct Continuation {
  std::vector<TokenId> tokens;
  std::vector<float>
      logprobs;  // Natural log of the model's own distribution (temperature 1), per token.
  StopReason reason = StopReason::kMaxTokens;
  std::vector<std::pair<TokenId, float>>
      top;  // Largest logits at the context's last position, on request.
};

struct EngineCounters {
  std::uint64_t tokens_generated = 0;  // Sampled.
  std::uint64_t tokens_prefilled = 0;  // Context tokens computed.
  std::uint64_t tokens_scored = 0;
  std::uint64_t pieces_evicted = 0;  // Cached pieces that others' room was taken from.
  double busy_s = 0;                 // Time inside forward passes and sampling.
};

enum class EngineDevice : std::uint8_t { kAuto, kCpu, kCuda };
enum class EngineType : std::uint8_t { kAuto, kFloat32, kBfloat16 };

struct EngineOptions {
  EngineDevice device = EngineDevice::kAuto;  // A GPU where one is usable, else the CPU.
  EngineType dtype = EngineType::kAuto;       // bfloat16 on a GPU, float32 on the CPU.
  int max_rows = 512;                         // Sequences decoded at once.
  int prefill_tokens = 2048;                  // Context tokens computed per tick.
  int kv_tokens = 262144;     // Key/value arena in tokens; least recently used pieces are evicted.
  bool share_weights = true;  // On the CPU: one copy of a model for all processes of a host.
  double ppm_scale = 1.0;     // Score = tanh(raw / scale): 1 in the paper, 5 in the released code.
};
void Bind(Settings& settings, EngineOptions& options);

// One model on one device with its own thread. Requests of all problems meet in its batches:
// continuous batching, new requests join at each tick, finished rows leave. A request's result
// depends only on the request and the weights, never on what else is in the batch (on CPU bit for
// bit). Callbacks run on the engine's thread: hand over, do not work. The destructor drops what is
// queued (those callbacks are called with an empty result, or NaN) and joins.
class Engine {
 public:
  virtual ~Engine() = default;
  virtual void Generate(GenerateRequest request,
                        std::function<void(std::vector<Continuation>)> done) = 0;
  // PPM score in [-1, 1] of the last token of `sequence`; NaN when it can never fit. REQUIRES a
  // value head.
  virtual void Score(SequencePtr sequence, std::function<void(float)> done) = 0;
  // Sum of natural-log probabilities of the sequence's tokens after the first; NaN when it can
  // never fit.
  virtual void LogProb(SequencePtr sequence, std::function<void(double)> done) = 0;
  // Longest sequence that can be scored or continued.
  virtual int MaxTokens() const = 0;
  virtual EngineCounters Counters() const = 0;
  virtual const std::string& ModelDigest() const = 0;
};

// Loads the folder's model. Throws Error when it cannot.
std::unique_ptr<Engine> MakeEngine(const std::filesystem::path& model,
                                   const EngineOptions& options);

}  // namespace gradus
