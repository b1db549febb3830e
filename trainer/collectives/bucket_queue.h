#pragma once
#include <functional>
#include <vector>

#include "trainer/collectives/gradient_layout.h"

namespace gradus {

// Decides during a backward pass when a bucket of the flat gradient is finished. Buckets are
// released in the order of the layout, each exactly once per step, the rest at the end of the pass:
// so parameters that get no gradient hold up what lies behind them, but nothing is lost.
//
// Autograd reports a parameter when a gradient was added to it, mostly once per pass, but a forward
// that runs parts of its graph anew may add in pieces. So the first step only watches (nothing is
// released before its end), and a parameter seen twice in a pass is never released early.
class BucketQueue {
 public:
  BucketQueue(const GradientLayout& layout, const std::vector<ParameterRange>& parameters,
              std::function<void(std::size_t bucket)> release);
  // A pass begins. `last`: the step's last on this rank, during which buckets are released.
  void Begin(bool last);
  // Throws Error(kInternal) when the parameter's bucket has left already.
  void OnGradient(std::size_t parameter);
  // The pass is over.
  void Finish();

 private:
  void ReleaseFinished();

  std::size_t buckets_;
  std::vector<std::vector<std::size_t>> buckets_of_;  // By parameter.
  std::function<void(std::size_t)> release_;
  std::vector<int> seen_;        // By parameter: gradients in this pass.
  std::vector<bool> piecemeal_;  // By parameter.
  std::vector<int> unfinished_;  // By bucket: parameters still without a gradient.
  std::vector<int> members_;     // By bucket: its parameters.
  std::size_t next_ = 0;         // The first bucket not released.
  bool last_ = false, warm_ = false;
};

}  // namespace gradus
