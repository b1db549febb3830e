#include "workers/models/folder_writer.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/base/strict_json.h"

namespace gradus {
namespace {

bool IsWeights(const fs::path& path) {
  static constexpr std::array kEndings = {".safetensors", ".bin",  ".pt",     ".pth",
                                          ".gguf",        ".onnx", ".msgpack"};
  const std::string name = path.filename().string(), ending = path.extension().string();
  return std::find(kEndings.begin(), kEndings.end(), ending) != kEndings.end() ||
         name.ends_with(".index.json");
}

void SyncFile(const fs::path& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) Fail("{}: fsync: {}", path.string(), std::strerror(errno));
}

void SetIfDifferent(OrderedJson& json, const char* key, const OrderedJson& value) {
  if (!json.contains(key) || json[key] != value) json[key] = value;
}

}  // namespace

FolderWriter::FolderWriter(const fs::path& target) : target_(target) {
  if (!target_.has_filename()) target_ = target_.parent_path();
  MakeFolder(fs::absolute(target_).parent_path());
  temporary_ = target_.string() + fmt::format(".tmp.{}", ::getpid());
  fs::remove_all(temporary_);
  MakeFolder(temporary_);
}

FolderWriter::~FolderWriter() {
  std::error_code ignored;
  if (!temporary_.empty()) fs::remove_all(temporary_, ignored);
}

void FolderWriter::CopyCompanions(const fs::path& like) {
  if (!fs::is_directory(like)) Fail("{}: no such model folder", like.string());
  for (const fs::directory_entry& entry : fs::directory_iterator(like)) {
    const fs::path& path = entry.path();
    if (!entry.is_regular_file() || IsWeights(path) || path.filename() == "config.json") continue;
    std::error_code error;
    fs::copy_file(path, temporary_ / path.filename(), error);
    if (error) Fail("{}: cannot copy: {}", path.string(), error.message());
  }
}

void FolderWriter::WriteConfig(const fs::path& like, const ModelConfig& config, TensorType type) {
  const std::string original = ReadFile(like / "config.json");
  OrderedJson json = ReadOrderedJson(like / "config.json");
  const OrderedJson before = json;
  SetIfDifferent(json, "vocab_size", config.vocab_size);
  SetIfDifferent(json, "tie_word_embeddings", config.tie_embeddings);
  const char* name = type == TensorType::kBF16 ? "bfloat16" : "float32";
  const char* type_key = json.contains("dtype") ? "dtype" : "torch_dtype";
  SetIfDifferent(json, type_key, name);
  if (json.contains("dtype") && json.contains("torch_dtype")) json["torch_dtype"] = name;
  WriteFileAtomically(temporary_ / "config.json", json == before ? original : json.dump(2) + "\n");
}

void FolderWriter::Publish() {
  for (const fs::directory_entry& entry : fs::directory_iterator(temporary_)) SyncFile(entry);
  SyncFolder(temporary_);
  const auto fail = [&] {
    Fail("{}: cannot rename into place: {}", target_.string(), std::strerror(errno));
  };
  if (!fs::exists(target_)) {
    if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail();
    temporary_.clear();
  } else if (::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, target_.c_str(),
                         RENAME_EXCHANGE) != 0) {
    fail();
  }
  SyncFolder(fs::absolute(target_).parent_path());
}

}  // namespace gradus
