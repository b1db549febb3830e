#pragma once
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "schemas/base/file.h"
#include "workers/models/hf_folder.h"

namespace gradus {

// The model of a benchmark: the folder given, or a random one of the demonstration's shape, which
// goes with this.
class BenchModel {
 public:
  BenchModel(const std::filesystem::path& given, const std::vector<std::string>& tokens)
      : folder_(given), made_(given.empty()) {
    if (!made_) return;
    folder_ = fs::temp_directory_path() / fmt::format("gradus-bench-{}", ::getpid());
    RandomModelOptions shape;
    shape.max_positions = 4096;
    MakeRandomModel(folder_, shape, tokens, 1);
  }
  ~BenchModel() {
    std::error_code ignored;
    if (made_) fs::remove_all(folder_, ignored);
  }
  BenchModel(const BenchModel&) = delete;
  const fs::path& folder() const { return folder_; }

 private:
  fs::path folder_;
  bool made_;
};

}  // namespace gradus
