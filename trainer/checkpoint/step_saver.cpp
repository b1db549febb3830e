#include "trainer/checkpoint/step_saver.h"

#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "schemas/base/bytes.h"
#include "schemas/base/error.h"
#include "schemas/base/log.h"

namespace gradus {
namespace {

enum class Word : std::uint8_t { kNothing, kWritten, kFailed };

std::vector<float> ToHost(const at::Tensor& tensor) {
  if (!tensor.defined()) return {};
  const at::Tensor host = tensor.cpu().contiguous();
  const float* data = host.const_data_ptr<float>();
  return {data, data + host.numel()};
}

void FromHost(std::vector<float>& values, at::Tensor& tensor) {
  tensor.copy_(at::from_blob(values.data(), {std::int64_t(values.size())}, at::kFloat));
}

std::string Failure(const std::string& text) {
  return ByteWriter().Put(Word::kFailed).PutString(text).Take();
}

}  // namespace

StepSaver::StepSaver(Collectives& group, StepCheckpoints checkpoints, const GradientLayout& layout)
    : group_(group), checkpoints_(std::move(checkpoints)), layout_(layout) {
  if (group_.rank() == 0) checkpoints_.RemoveUnfinished();
}

std::optional<TrainerState> StepSaver::Load(OptimizerShard& optimizer, at::Tensor& best) {
  std::vector<int> steps;
  if (group_.rank() == 0) steps = checkpoints_.Steps();
  for (std::size_t i = 0;; ++i) {
    // Rank 0 names each candidate, so that all try the same, and hands its manifest around: another
    // node may see a folder of a network file system later.
    std::string candidate, manifest;
    while (group_.rank() == 0 && i < steps.size() && candidate.empty()) {
      try {
        manifest = checkpoints_.ReadManifest(steps[i]);
        candidate = ByteWriter().PutString(manifest).Take();
      } catch (const Error& error) {
        Log("step checkpoint {} passed over: {}", steps[i], error.what());
        ++i;
      }
    }
    candidate = Broadcast(group_, std::move(candidate), 0);
    if (candidate.empty()) return std::nullopt;
    if (auto loaded = LoadOne(ByteReader(candidate).GetString(), optimizer, best)) {
      if (group_.rank() == 0) Log("training resumes after step {}", loaded->state.step);
      return loaded->state;
    }
  }
}

std::optional<CheckpointManifest> StepSaver::LoadOne(const std::string& text,
                                                     OptimizerShard& optimizer, at::Tensor& best) {
  CheckpointManifest manifest;
  ShardState shard;
  std::string failure;
  try {
    manifest = checkpoints_.ParseManifest(text, layout_.parameters);
    shard = checkpoints_.ReadShard(manifest, optimizer.range());
  } catch (const Error& error) {
    failure = error.what();
  }
  const std::vector<std::string> failures = group_.Exchange(failure);
  for (std::size_t rank = 0; rank < failures.size(); ++rank) {
    if (failures[rank].empty()) continue;
    if (group_.rank() == 0)
      Log("a step checkpoint was passed over: rank {} says: {}", rank, failures[rank]);
    return std::nullopt;
  }
  FromHost(shard.masters, optimizer.masters());
  FromHost(shard.first_moment, optimizer.first_moment());
  FromHost(shard.second_moment, optimizer.second_moment());
  if (manifest.state.best_step > 0) {
    best = optimizer.masters().clone();
    FromHost(shard.best, best);
  }
  optimizer.CopyToModel();
  return manifest;
}

void StepSaver::Save(const TrainerState& state, OptimizerShard& optimizer, const at::Tensor& best) {
  if (!checkpoints_.enabled()) return;
  Finish();
  writing_ = CheckpointManifest{state, layout_.parameters, {}};
  written_.assign(std::size_t(group_.size()), std::nullopt);
  ShardState copy{optimizer.range(), ToHost(optimizer.masters()), ToHost(optimizer.first_moment()),
                  ToHost(optimizer.second_moment()), ToHost(best)};
  writer_ = std::async(std::launch::async, [this, step = state.step, rank = group_.rank(),
                                            ranks = group_.size(), copy = std::move(copy)] {
    return checkpoints_.WriteShard(step, rank, ranks, copy);
  });
}

std::string StepSaver::Report() {
  if (!publish_failure_.empty()) return Failure(std::exchange(publish_failure_, {}));
  const bool ready =
      writer_.valid() && writer_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  if (!ready) return ByteWriter().Put(Word::kNothing).Take();
  try {
    const ShardFile file = writer_.get();
    return ByteWriter()
        .Put(Word::kWritten)
        .PutString(file.name)
        .Put(std::uint64_t(file.range.first))
        .Put(std::uint64_t(file.range.last))
        .PutString(file.sha256)
        .Take();
  } catch (const std::exception& error) {
    return Failure(error.what());
  }
}

void StepSaver::OnReports(const std::vector<std::string>& by_rank) {
  for (std::size_t rank = 0; rank < by_rank.size(); ++rank) {
    ByteReader reader(by_rank[rank]);
    const auto word = reader.Get<Word>();
    if (word == Word::kFailed)
      Fail("a step checkpoint could not be written by rank {}: {}", rank, reader.GetString());
    if (word == Word::kNothing) continue;
    Require(writing_.has_value(), "a rank wrote a step checkpoint that was not begun");
    ShardFile file;
    file.name = reader.GetString();
    file.range.first = reader.Get<std::uint64_t>();
    file.range.last = reader.Get<std::uint64_t>();
    file.sha256 = reader.GetString();
    written_.at(rank) = std::move(file);
  }
  const auto there = [](const auto& file) { return file.has_value(); };
  if (!writing_ || !std::all_of(written_.begin(), written_.end(), there)) return;
  for (auto& file : written_) writing_->shards.push_back(std::move(*file));
  const CheckpointManifest manifest = *std::exchange(writing_, std::nullopt);
  if (group_.rank() != 0) return;
  try {
    checkpoints_.Publish(manifest);
  } catch (const std::exception& error) {
    publish_failure_ = error.what();  // Everybody hears of it with the next report.
  }
}

void StepSaver::Finish() {
  while (writing_) {
    if (writer_.valid()) writer_.wait();
    OnReports(group_.Exchange(Report()));
  }
}

}  // namespace gradus
