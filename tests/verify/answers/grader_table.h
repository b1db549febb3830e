#pragma once
#include <doctest/doctest.h>

#include <ctime>
#include <string>

#include "verify/answers/grader.h"

namespace gradus {

struct AnswerPair {
  const char* gold;
  const char* predicted;
};

// CPU time: the machine may be busy with other tests.
template <class Body>
double CpuMilliseconds(Body body) {
  const std::clock_t start = std::clock();
  body();
  return 1e3 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

inline std::string Repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

inline std::string VerdictOf(const std::string& gold, const std::string& predicted) {
  return ToString(Grade(gold, predicted).verdict);
}

template <std::size_t N>
void CheckAll(const AnswerPair (&pairs)[N], const std::string& verdict) {
  for (const AnswerPair& pair : pairs) {
    CAPTURE(std::string(pair.gold));
    CAPTURE(std::string(pair.predicted));
    CAPTURE(Grade(pair.gold, pair.predicted).reason);
    CHECK(VerdictOf(pair.gold, pair.predicted) == verdict);
  }
}

// No pair has this verdict.
template <std::size_t N>
void CheckNever(const AnswerPair (&pairs)[N], const std::string& verdict) {
  for (const AnswerPair& pair : pairs) {
    CAPTURE(std::string(pair.gold));
    CAPTURE(std::string(pair.predicted));
    CAPTURE(Grade(pair.gold, pair.predicted).reason);
    CHECK(VerdictOf(pair.gold, pair.predicted) != verdict);
  }
}

}  // namespace gradus
