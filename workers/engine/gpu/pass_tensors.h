#pragma once
#include <ATen/core/Tensor.h>

#include <span>
#include <vector>

#include "workers/engine/attention_plan.h"
#include "workers/engine/gpu/varlen_attention.h"

namespace gradus {

// Copies of small tensors of the host for the device, through pinned memory for a GPU: neither
// waits for the other.
at::Tensor ToDevice(const at::Tensor& host, at::Device device);

// An attention plan on the device.
struct PlanTensors {
  KeyRangeTensors before;  // Folded: counts queries times group.
  KeyRangeTensors samples, runs;
  int sample_rows = 0;
};

// A pass on the device: rows in the order of their attention.
struct PassTensors {
  at::Tensor longs, ints;  // All numbers; the others are parts of these.
  at::Tensor tokens;       // int64 [R]
  at::Tensor rotations;    // int64 [R]: row of the rotation tables.
  at::Tensor slots;        // int64 [R]: where keys and values go.
  at::Tensor from, to;     // int64 [copies]
  PlanTensors all;         // Of layers that see everything.
  PlanTensors windowed;    // Of layers with the window; the same where it leaves nothing out.
};

// The shape of a decoder that the building of a pass needs.
struct PassShape {
  int group = 1;       // Query heads per key head.
  int max_length = 0;  // Rows of one rotation table.
  int window = 0;      // Of the layers that have one; 0: none has.
  int scratch = 0;     // The slot where the keys of padding go.
};

// Everything a pass reads that is not in the arena, on the host: two lists of numbers, so that one
// upload each brings them to the device.
class PassNumbers {
 public:
  // `rows` in the order of their attention. `padded` > 0: as many rows, sizes rounded up so that
  // one recorded graph serves many passes. REQUIRES then: rows of samples alone, no copies.
  PassNumbers(std::span<const TokenRow> rows, std::span<const SlotCopy> copies,
              const PassShape& shape, int padded = 0);

  // Equal keys: the same graph serves both.
  const std::vector<std::int64_t>& key() const { return key_; }
  bool windowed() const { return windowed_; }
  // The numbers as tensors: in new ones on the device, or in place of those of an equal key.
  PassTensors Upload(at::Device device) const;
  void UploadInto(PassTensors& tensors, at::Device device) const;

 private:
  void AddRanges(const KeyRanges& ranges, int group, bool padded);
  void AddPlan(const AttentionPlan& plan, int group, bool padded);
  PassTensors View(at::Tensor longs, at::Tensor ints) const;

  std::vector<std::int64_t> longs_;  // tokens, rotations, slots, from, to.
  std::vector<std::int32_t> ints_;   // cum_q, begin_k, used_k of each call.
  std::vector<std::int64_t> key_;
  std::int64_t rows_ = 0, copies_ = 0;
  bool windowed_ = false;
  struct Call {
    std::int64_t entries, max_q, max_k;
  };
  std::vector<Call> calls_;  // before, samples, runs; twice where a window matters.
  std::vector<int> sample_rows_;
  int window_ = 0;
};

}  // namespace gradus
