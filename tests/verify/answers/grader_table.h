#pragma once
#include <ctime>
#include <string>

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

}  // namespace gradus
