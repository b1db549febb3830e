#include "trainer/model/segment_attention.h"

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <vector>

#include "trainer/model/packed_tokens.h"

namespace gradus {

TEST_CASE("attention of a segment has the same bits wherever the segment lies in a pack") {
  const AttentionShape shape{4, 2, 24, 24, 0};
  const std::vector<std::int32_t> before(13, 1), text(60, 2), after(18, 3);
  PackedTokens alone, among;
  alone.Add(text);
  among.Add(before);
  const int place = among.Add(text);
  among.Add(after);
  RopeConfig rope;
  rope.dims = 24;
  const auto attend = [&](const PackedTokens& pack, int segment) {
    const std::int64_t rows = pack.size(), first = pack.segment(segment).first;
    const auto fill = [&](int width, double phase) {
      at::Tensor x = at::zeros({rows, width});
      const at::Tensor own = at::arange(pack.segment(segment).length * width, at::kFloat);
      x.narrow(0, first, pack.segment(segment).length)
          .copy_(own.mul(phase).sin().view({-1, width}));
      return x;
    };
    const at::Tensor q = fill(96, 0.31), k = fill(48, 0.17), v = fill(48, 0.23);
    const at::Tensor out = at::empty({rows, 96}), sums = at::empty({rows, 4});
    AttendSegments(shape, pack.segments(), RotationsOf(rope, pack), {q.data_ptr<float>(), 96},
                   {k.data_ptr<float>(), 48}, {v.data_ptr<float>(), 48}, out.data_ptr<float>(),
                   sums.data_ptr<float>());
    return out.narrow(0, first, pack.segment(segment).length).clone();
  };
  CHECK(attend(alone, 0).equal(attend(among, place)));
}

}  // namespace gradus
