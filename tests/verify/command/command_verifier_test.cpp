#include "verify/command/command_verifier.h"

#include <csignal>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/base/seed.h"
#include "tests/verify/command/checker_bench.h"
#include "verify/sandbox/level.h"

using namespace gradus;

namespace {

void CheckUnverifiable(const Checked& checked, const std::string& outcome) {
  CAPTURE(checked.report.error);
  CHECK(checked.report.end == End::kLimit);
  CHECK(checked.report.outcome == outcome);
  CHECK(checked.judgement.verdict == Verdict::kUnverifiable);
  CHECK(checked.judgement.reason == outcome);
}

std::string GoldenFault(CheckerBench& bench) {
  try {
    bench.Open().CheckGolden(bench.io);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("A checker's words become reports and judgements") {
  CheckerBench bench(
      std::string("    if answer == 'no': reply('rejected', judgement='wrong'); continue\n"
                  "    if answer == 'long': reply('limit', judgement='unverifiable', "
                  "reason='steps'); continue\n"
                  "    if answer == 'lie': reply('forged', judgement='unverifiable', "
                  "facts=[1]); continue\n") +
      kHonest);
  const auto results = bench.CheckAll({"7", "8", "no", "long", "lie"});
  CHECK(results[0].report.end == End::kFine);
  CHECK(results[0].report.outcome == "ok");
  CHECK(results[0].report.shown == "saw 7");
  CHECK(results[0].judgement.verdict == Verdict::kCorrect);
  CHECK(results[1].judgement.verdict == Verdict::kWrong);
  CHECK(results[2].report.end == End::kRejected);
  CHECK(results[2].judgement.verdict == Verdict::kWrong);
  CHECK(results[3].report.end == End::kLimit);
  CHECK(results[3].judgement.reason == "steps");
  CHECK(results[4].report.end == End::kForged);
  CHECK(bench.Open().Counters().programs == 5);
}

TEST_CASE("A step is asked for without a goal and reported without a judgement") {
  CheckerBench bench(
      "    reply(shown=request['mode'] + str(request['goal']) + ''.join(request['steps']))\n");
  State state;
  state.steps = {"a", "b"};
  Report report;
  bench.Open().Step(state, bench.options.limits, [&](Report r) { report = std::move(r); });
  bench.io.restart();
  bench.io.run();
  CHECK(report.end == End::kFine);
  CHECK(report.shown == "stepNoneab");
}

TEST_CASE(
    "Whatever a checker does wrong, its candidate is unverifiable and the next one is judged") {
  const struct {
    const char* body;
    const char* outcome;
  } cases[] = {
      {"    if answer == 'bad': os._exit(3)\n", "checker-crashed"},
      {"    if answer == 'bad': os.abort()\n", "checker-crashed"},
      {"    if answer == 'bad': os.close(1)\n", "checker-crashed"},
      {"    if answer == 'bad': raise ValueError(answer)\n", "checker-crashed"},
      {"    if answer == 'bad':\n        while True: pass\n", "checker-silent"},
      {"    if answer == 'bad': continue\n", "checker-silent"},
      {"    if answer == 'bad':\n        while True: print('x' * 1000, end='')\n", "checker-flood"},
      {"    if answer == 'bad':\n        while True: print('x' * 1000, file=sys.stderr)\n",
       "checker-flood"},
      {"    if answer == 'bad': print('correct', flush=True); continue\n", "checker-nonsense"},
      {"    if answer == 'bad': request['id'] = '0' * 32\n", "checker-nonsense"},
      {"    if answer == 'bad': reply('rejected', judgement='correct'); continue\n",
       "checker-nonsense"},
      {"    if answer == 'bad': reply('fine', judgement='correct', label='correct'); continue\n",
       "checker-nonsense"},
  };
  const auto before = Children();
  for (const auto& one : cases) {
    CAPTURE(one.body);
    CheckerBench bench(std::string(one.body) + kHonest);
    bench.options.limits.wall_s = 0.5;
    CheckUnverifiable(bench.Check("bad"), one.outcome);
    const auto results = bench.CheckAll({"7", "bad", "8"});
    CHECK(results[0].judgement.verdict == Verdict::kCorrect);
    CheckUnverifiable(results[1], one.outcome);
    CHECK(results[2].judgement.verdict == Verdict::kWrong);
  }
  CHECK(Children() == before);
}

TEST_CASE("A request that met a crash is asked once more, of a fresh process") {
  // The second request of each process kills it.
  CheckerBench bench(std::string("    if globals().get('asked'): os._exit(1)\n    asked = 1\n") +
                     kHonest);
  const auto results = bench.CheckAll({"7", "8", "7", "9"});
  CHECK(results[0].judgement.verdict == Verdict::kCorrect);
  CHECK(results[1].judgement.verdict == Verdict::kWrong);
  CHECK(results[2].judgement.verdict == Verdict::kCorrect);
  CHECK(results[3].judgement.verdict == Verdict::kWrong);
}

TEST_CASE("What a request leaves behind cannot answer for the next one") {
  // A child that keeps writing answers, with the id that it knows and without any; and an answer
  // that comes twice.
  for (const char* left : {"    if answer == 'bad' and os.fork() == 0:\n"
                           "        import time\n"
                           "        while True: reply(judgement='correct'); time.sleep(0.001)\n",
                           "    if answer == 'bad': reply(judgement='correct')\n"}) {
    CAPTURE(left);
    CheckerBench bench(std::string(left) + kHonest);
    for (int i = 0; i < 3; ++i) {
      bench.Check("bad");
      CHECK(bench.Check("8").judgement.verdict == Verdict::kWrong);
    }
  }
}

TEST_CASE("A checker that cannot work at all is broken, and says why") {
  const auto broken = [](CheckerBench& bench, const char* why) {
    bench.options.start_s = 1;
    const Checked checked = bench.Check("7");
    CHECK(checked.report.end == End::kBroken);
    CHECK(checked.report.outcome == "checker-broken");
    CHECK(checked.judgement.verdict == Verdict::kUnverifiable);
    CAPTURE(checked.report.error);
    CHECK(checked.report.error.find(why) != std::string::npos);
    CHECK(bench.Check("7").report.end == End::kBroken);
    CHECK(GoldenFault(bench).find(why) != std::string::npos);
  };
  CheckerBench syntax("    )\n");
  broken(syntax, "SyntaxError");
  CheckerBench dies("");
  dies.Write("checker.py", "import sys\nsys.exit('no licence')\n");
  broken(dies, "no licence");
  CheckerBench silent("");
  silent.Write("checker.py", "import time\ntime.sleep(100)\n");
  broken(silent, "checker-silent");
  CheckerBench unreadable("");
  unreadable.Write("checker", "#!/nonexistent/interpreter\n");
  unreadable.options.command = {(unreadable.folder / "checker").string()};
  broken(unreadable, "No such file");
  CheckerBench missing("");
  missing.options.command = {"./no-such-checker"};
  CHECK_THROWS_AS(missing.Open(), Error);
  missing.options.command = {};
  CHECK_THROWS_AS(missing.Open(), Error);
}

TEST_CASE("Many requests with mixed misbehaviour are answered once each, over several processes") {
  CheckerBench bench(std::string("    kind = answer.rstrip('0123456789')\n"
                                 "    if kind == 'crash': os._exit(1)\n"
                                 "    if kind == 'hang': continue\n"
                                 "    if kind == 'flood': print('x' * 100000)\n"
                                 "    if kind == 'lie': request['id'] = 'x'\n"
                                 "    if kind == 'twice': reply(judgement='unverifiable')\n"
                                 "    if kind == 'leave' and os.fork() == 0:\n"
                                 "        import time\n        time.sleep(100)\n") +
                         kHonest,
                     3);
  bench.options.limits.wall_s = 0.3;
  bench.options.limits.out_kb = 4;
  const auto before = Children();
  const char* kinds[] = {"7",    "7",     "7",   "8",     "8",    "crash",
                         "hang", "flood", "lie", "twice", "leave"};
  const char* outcomes[] = {"ok",
                            "ok",
                            "ok",
                            "ok",
                            "ok",
                            "checker-crashed",
                            "checker-silent",
                            "checker-flood",
                            "checker-nonsense",
                            "ok",
                            "ok"};
  Random random(5);
  std::vector<std::string> answers;
  std::vector<std::size_t> drawn;
  for (int i = 0; i < 60; ++i) {
    drawn.push_back(random.Below(std::size(kinds)));
    answers.push_back(kinds[drawn.back()] + (drawn.back() < 3 ? "" : std::to_string(i)));
  }
  const auto results = bench.CheckAll(answers);
  for (std::size_t i = 0; i < results.size(); ++i) {
    CAPTURE(answers[i]);
    CHECK(results[i].report.outcome == outcomes[drawn[i]]);
    const Verdict verdict = results[i].judgement.verdict;
    CHECK((verdict == Verdict::kCorrect) == (answers[i] == "7"));
  }
  CHECK(Children().size() <= before.size() + 3);
  bench.verifier.reset();
  CHECK(Children() == before);
}

TEST_CASE("Judgements do not depend on how many processes a checker has, nor on whom it fails") {
  std::vector<std::string> answers;
  for (int i = 0; i < 160; ++i) answers.push_back(i % 2 == 0 ? "7" : std::to_string(i));
  const auto judged = [&](int processes) {
    CheckerBench bench("", processes);
    bench.options.command = {GRADUS_SOURCE_DIR "/tests/e2e/checker.py"};
    bench.options.limits.wall_s = 0.5;
    return bench.CheckAll(answers);
  };
  const auto one = judged(1), three = judged(3);
  int failed = 0;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    CAPTURE(answers[i]);
    CHECK(one[i].report.outcome == three[i].report.outcome);
    CHECK(one[i].judgement.verdict == three[i].judgement.verdict);
    CHECK(one[i].judgement.reason == three[i].judgement.reason);
    const bool fine = one[i].report.end == End::kFine;
    failed += !fine;
    const Verdict right = answers[i] == "7" ? Verdict::kCorrect : Verdict::kWrong;
    CHECK(one[i].judgement.verdict == (fine ? right : Verdict::kUnverifiable));
  }
  CHECK(failed > 0);
  CHECK(failed < 20);
}

TEST_CASE("The golden file's cases must come out as they say") {
  CheckerBench bench(kHonest);
  bench.Write("golden.jsonl",
              "{\"name\": \"right\", \"answer\": \"7\", \"goal\": {\"kind\": \"answer\", "
              "\"expected\": \"7\"}, \"judgement\": \"correct\"}\n"
              "{\"name\": \"off by one\", \"answer\": \"8\", \"goal\": {\"kind\": \"answer\", "
              "\"expected\": \"7\"}, \"judgement\": \"wrong\", \"end\": \"fine\"}\n");
  bench.options.golden = (bench.folder / "golden.jsonl").string();
  CHECK(GoldenFault(bench) == "");
  CheckerBench credulous("    reply(judgement='correct')\n");
  credulous.options.golden = bench.options.golden;
  const std::string fault = GoldenFault(credulous);
  CHECK(fault.find("golden.jsonl:2") != std::string::npos);
  CHECK(fault.find("off by one") != std::string::npos);
  for (const char* line : {"{\"name\": \"x\"}", "{\"name\": \"x\", \"end\": \"broken\"}",
                           "{\"end\": \"fine\"}", "{\"name\": \"x\", \"judgement\": \"correct\"}",
                           "{\"name\": \"x\", \"end\": \"fine\", \"mode\": \"ask\"}",
                           "{\"name\": \"x\", \"end\": \"fine\", \"goal\": {\"kind\": \"x\"}}"}) {
    CAPTURE(line);
    bench.Write("golden.jsonl", line);
    CHECK(GoldenFault(bench).find("golden.jsonl:1: ") != std::string::npos);
  }
}

TEST_CASE("The identity changes with the checker's text and its arguments") {
  CheckerBench bench(kHonest);
  const std::string identity = bench.Open().Identity();
  CHECK(identity.starts_with("checker python3 "));
  CHECK(identity.find("checker.py sha256 " + Sha256File(bench.folder / "checker.py")) !=
        std::string::npos);
  CHECK(identity.find("; L") != std::string::npos);
  bench.options.command.push_back("--strict");
  bench.verifier.reset();
  CHECK(bench.Open().Identity() != identity);
}

TEST_CASE("A checker may be any program: a shell script, with its folder at hand") {
  CheckerBench bench("");
  bench.Write("words.txt", "seven\n");
  bench.Write(
      "checker.sh",
      "#!/bin/sh\n"
      "word=$(cat \"$(dirname \"$0\")/words.txt\") || exit 1\n"
      "while read -r line; do\n"
      "  id=$(printf '%s' \"$line\" | sed 's/.*\"id\":\"\\([0-9a-f]*\\)\".*/\\1/')\n"
      "  printf '{\"id\":\"%s\",\"end\":\"fine\",\"judgement\":\"wrong\",\"shown\":\"%s\"}\\n' "
      "\"$id\" \"$word\"\n"
      "done\n");
  bench.options.command = {(bench.folder / "checker.sh").string()};
  const Checked checked = bench.Check("8");
  CAPTURE(checked.report.error);
  CHECK(checked.report.shown == "seven");
  CHECK(checked.judgement.verdict == Verdict::kWrong);
}
