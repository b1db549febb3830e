#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/comm/group_link.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/commands/train_arguments.h"
#include "orchestrator/launch/launch.h"
#include "orchestrator/launch/stop_signal.h"
#include "orchestrator/record/train_log.h"
#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/base/log.h"
#include "schemas/files/training_row.h"
#include "trainer/data/rows.h"
#include "trainer/objectives.h"
#include "trainer/train.h"
#include "workers/models/hf_folder.h"
#include "workers/models/tokenizer/tokenizer.h"

namespace gradus {
namespace {

// Where the rows of a data file are: in itself, or in what Prepare makes of it.
fs::path RowsOf(const TrainArguments& a, const fs::path& data, const std::string& name) {
  return IsJsonLines(data) ? a.Work() / (name + ".h5") : data;
}

TrainOrder OrderOf(const TrainArguments& a) {
  TrainOrder order;
  order.model = a.model;
  order.output = a.output;
  order.checkpoints = a.Work() / "steps";
  for (std::size_t i = 0; i < a.data.size(); ++i)
    order.data.push_back(RowsOf(a, a.data[i], fmt::format("rows-{}", i)));
  if (!a.held_out.empty()) order.held_out = RowsOf(a, a.held_out, "held_out");
  order.seed = a.seed;
  return order;
}

// On rank 0, before the others start: everything that can be wrong with the input is found here.
void Prepare(const TrainArguments& a) {
  CheckFlags(a);
  CheckModelFolder(a.model);
  const Tokenizer tokenizer = Tokenizer::Load(a.model);
  const ModelConfig config = ReadModelConfig(a.model);
  const TrainOrder order = OrderOf(a);
  for (std::size_t i = 0; i < a.data.size(); ++i) {
    if (IsJsonLines(a.data[i]))
      (a.IsSft() ? ConvertSftRows : ConvertPairs)(a.data[i], tokenizer, a.rows, order.data[i]);
  }
  if (IsJsonLines(a.held_out)) ConvertPairs(a.held_out, tokenizer, a.rows, order.held_out);
  const TrainOptions train = a.Options().train;
  const RecordSource& source = FindObjective(train.objective).records;
  const auto data = LoadRecords(source, order.data, config, train.max_tokens);
  RequireRows(data.records.size(), data.dropped, order.data);
  if (!order.held_out.empty()) LoadRecords(source, {order.held_out}, config, train.max_tokens);
}

// Progress lines, each about the steps since the one before; and the rate from the second step on:
// the first also warms caches up.
class Progress {
 public:
  explicit Progress(int every) : every_(every) {}
  void Show(const TrainProgress& p) {
    since_.Add(p);
    if (p.step > 1) all_.Add(p);
    if (p.step % every_ != 0 && p.step != p.steps && p.step != 1) return;
    std::string line = fmt::format("step {}/{}  loss {:.6f}  lr {:.2e}  |g| {:.3f}", p.step,
                                   p.steps, p.loss, p.lr, p.grad_norm);
    if (!std::isnan(p.pair_accuracy))
      line += fmt::format("  pairs {:.1f} %", p.pair_accuracy * 100);
    line += fmt::format("  {:.0f} tokens/s", since_.tokens / since_.seconds);
    if (p.bound > 0)
      line +=
          fmt::format(" ({:.0f} % of the bound)", since_.flops / since_.seconds / p.bound * 100);
    if (p.skipped_steps > 0) line += fmt::format("  {} skipped", p.skipped_steps);
    Log("{}", line);
    since_ = {};
  }
  double Rate() const { return all_.seconds > 0 ? all_.tokens / all_.seconds : 0; }

 private:
  struct Sum {
    double tokens = 0, seconds = 0, flops = 0;
    void Add(const TrainProgress& p) {
      tokens += double(p.step_tokens);
      seconds += p.seconds.Total();
      flops += p.flops;
    }
  };
  int every_;
  Sum since_, all_;
};

void PrintReport(const TrainArguments& arguments, const TrainReport& report, int ranks,
                 double rate) {
  nlohmann::ordered_json json = {{"output", arguments.output},
                                 {"digest", ModelDigest(arguments.output)},
                                 {"template_digest", arguments.rows.TemplateDigest()},
                                 {"steps", report.steps},
                                 {"tokens", report.tokens},
                                 {"dropped_rows", report.dropped_rows},
                                 {"skipped_steps", report.skipped_steps},
                                 {"ranks", ranks},
                                 {"tokens_per_s", std::round(rate)},
                                 {"first_loss", report.first_loss},
                                 {"last_loss", report.last_loss}};
  if (report.held_out_pairs > 0) {
    json["held_out_pairs"] = report.held_out_pairs;
    json["pair_accuracy"] = report.pair_accuracy;
    json["published_step"] = report.published_step;
  }
  if (arguments.json) {
    std::printf("%s\n", json.dump().c_str());
  } else {
    for (const auto& [key, value] : json.items())
      std::printf("%-16s %s\n", key.c_str(), value.dump().c_str());
  }
}

// One member of the group; every rank of the job is one.
int TrainAsMember(const TrainArguments& a, Transport& transport) {
  std::vector<int> members(static_cast<std::size_t>(transport.size()));
  std::iota(members.begin(), members.end(), 0);
  const bool speaks = transport.rank() == 0;
  Progress shown(a.progress_steps);
  TrainCallbacks callbacks;
  callbacks.stop = StopWasAsked;
  std::optional<TrainLog> log;
  if (speaks) {
    if (!a.log.empty()) log.emplace(a.log);
    callbacks.progress = [&](const TrainProgress& p) {
      shown.Show(p);
      if (log) log->Add(p);
    };
    callbacks.alarm = [](const std::string& text) { Log("alarm: {}", text); };
  }
  try {
    GroupLink link(transport, 1, members);
    const PpmTrainOptions ppm = a.Options();
    const TrainOptions& options = ppm.train;
    const auto group = MakeCollectives(link, options, a.deadline_s);
    const TrainReport report = a.IsSft() ? TrainPolicy(OrderOf(a), options, {}, *group, callbacks)
                                         : TrainPpm(OrderOf(a), ppm, *group, callbacks);
    if (!speaks) return static_cast<int>(ExitCode::kDone);
    fs::remove_all(a.Work());
    PrintReport(a, report, transport.size(), shown.Rate());
    return static_cast<int>(ExitCode::kDone);
  } catch (const Error& error) {
    if (error.code() != ExitCode::kStopped) throw;
    // The stop was agreed on: one rank tells it, and all leave together.
    if (!speaks) return static_cast<int>(ExitCode::kDone);
    Log("{}: run the same command again to continue", error.what());
    return static_cast<int>(ExitCode::kStopped);
  }
}

}  // namespace

void AddTrainCommand(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand(
      "train", "Fine-tunes a policy or trains a preference model on rows, alone or under mpirun");
  const auto arguments = std::make_shared<TrainArguments>();
  AddTrainFlags(*command, *arguments);
  command->callback([arguments, &exit_code] {
    exit_code =
        LaunchPeers([&] { Prepare(*arguments); },
                    [&](Transport& transport) { return TrainAsMember(*arguments, transport); },
                    arguments->deadline_s);
  });
}

}  // namespace gradus
