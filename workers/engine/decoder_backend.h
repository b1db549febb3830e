#pragma once
#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "schemas/base/seed.h"
#include "workers/engine/kv_arena.h"
#include "workers/engine/sampling.h"
#include "workers/models/model_config.h"

namespace gradus {

// One token of some sequence, to be computed. slots[0 … position] are the arena slots of its path;
// they must stay valid during the pass.
struct TokenRow {
  std::int32_t token = 0;
  int position = 0;
  const std::int32_t* slots = nullptr;
  std::int32_t slot = 0;  // Where its own keys and values go.
  int shared = -1;        // Of a sample: its path's tokens before its own ones; < 0: a context row.
  int rope_table = 0;     // RopeConfig::TableOf its sequence's length.
  bool output = false;    // Something is wanted of it.
};

// Keys and values of slot `from`, copied to slot `to` after a layer's new ones are written.
struct SlotCopy {
  std::int32_t from = 0, to = 0;
};

// What is wanted of an output row.
struct OutputWish {
  enum class Kind : std::uint8_t { kDraws, kLogProb, kValue };
  Kind kind = Kind::kDraws;
  // kDraws: the next token of samples [first_sample, first_sample + samples), drawn for `position`.
  const SamplingOptions* sampling = nullptr;
  Seed seed = 0;
  int first_sample = 0, samples = 1;
  int position = 0;
  int top = 0;            // So many largest logits too.
  std::int32_t next = 0;  // kLogProb: the token whose log-probability is wanted.
};

// One pass. Rows with `output` have one wish each, in order.
struct Pass {
  std::vector<TokenRow> rows;
  std::vector<SlotCopy> copies;
  std::vector<OutputWish> wishes;
  // > 1: that many tokens of every row one after the other, each fed to the next step. REQUIRES
  // rows of samples alone, and slots for all of them.
  int steps = 1;
};

struct PassResult {
  std::vector<TokenDraw> draws;  // Step after step, wish after wish, sample after sample.
  std::vector<double> values;    // By wish: log-probability, raw value of the PPM head, or 0.
  std::vector<std::vector<std::pair<TokenId, float>>> tops;  // Of the wishes with `top`, in order.
};

// A decoder's weights on one device with its key/value arena: one pass computes any mix of rows of
// many sequences. Not thread-safe.
class DecoderBackend {
 public:
  virtual ~DecoderBackend() = default;
  virtual const ModelConfig& config() const = 0;
  virtual bool has_value_head() const = 0;
  virtual int kv_tokens() const = 0;      // Slots of the arena.
  virtual SlotLayout layout() const = 0;  // What attention asks of a path's slots.
  virtual int max_steps() const = 0;      // Largest Pass::steps.
  // Computes all rows and writes their keys and values into the arena. A row may read the keys of
  // other rows of the same pass: in each layer all are written, then copied, before any is read.
  virtual void Compute(const Pass& pass, PassResult& result) = 0;

  // Longest sequence: what the model allows and the arena can hold.
  int MaxLength() const { return std::min(config().max_positions, kv_tokens()); }
};

}  // namespace gradus
