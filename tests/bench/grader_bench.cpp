// Time of the native grader: bench_grader FILE.jsonl [rounds]. The file holds "answer" and, where a
// model's answers were recorded, "prediction" (else the answer is graded against itself and
// against its neighbour's).
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "schemas/base/log.h"
#include "verify/answers/grader.h"

namespace {

struct Pair {
  gradus::GoldAnswer gold;
  std::string predicted;
};

std::vector<Pair> ReadPairs(const char* path) {
  std::ifstream file(path);
  std::vector<Pair> pairs;
  std::string before = "1";
  for (std::string line; std::getline(file, line);) {
    const auto row = nlohmann::json::parse(line);
    const std::string answer = row["answer"];
    const gradus::GoldAnswer gold = gradus::ReadGold(answer);
    if (row.contains("prediction")) {
      pairs.push_back({gold, row["prediction"]});
    } else {
      pairs.push_back({gold, answer});
      pairs.push_back({gold, before});
    }
    before = answer;
  }
  return pairs;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: bench_grader FILE.jsonl [rounds]\n");
    return 2;
  }
  const std::vector<Pair> pairs = ReadPairs(argv[1]);
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 5;
  std::vector<double> microseconds;
  int correct = 0;
  for (int round = 0; round < rounds; ++round) {
    for (const Pair& pair : pairs) {
      const double start = gradus::MonotonicSeconds();
      const gradus::NativeGrade grade = gradus::GradeNatively(pair.gold, pair.predicted);
      microseconds.push_back(1e6 * (gradus::MonotonicSeconds() - start));
      correct += grade.judgement.verdict == gradus::Verdict::kCorrect;
    }
  }
  if (microseconds.empty()) return 2;
  std::sort(microseconds.begin(), microseconds.end());
  double total = 0;
  for (const double value : microseconds) total += value;
  const std::size_t n = microseconds.size();
  std::printf(
      "{\"pairs\": %zu, \"correct\": %d, \"mean_us\": %.2f, \"median_us\": %.2f, "
      "\"p99_us\": %.2f, \"max_us\": %.2f}\n",
      pairs.size(), correct / std::max(1, rounds), total / static_cast<double>(n),
      microseconds[n / 2], microseconds[n * 99 / 100], microseconds[n - 1]);
  return 0;
}
