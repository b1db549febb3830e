#include "workers/models/folder_weights.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "tests/fakes/temp_folder.h"

namespace gradus {
namespace {

std::string FileBytes(const std::string& header, std::size_t data_bytes,
                      std::uint64_t length_change = 0) {
  std::string bytes(8, '\0');
  const std::uint64_t length = header.size() + length_change;
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + std::string(data_bytes, '\1');
}

std::string ErrorOf(const TempFolder& scratch, const std::string& bytes) {
  WriteFileAtomically(scratch / "x.safetensors", bytes);
  try {
    const SafetensorsFile file(scratch / "x.safetensors");
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

std::string Entry(const std::string& name, const std::string& type, const std::string& shape,
                  const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + type + "\",\"shape\":" + shape +
         ",\"data_offsets\":" + offsets + "}";
}

}  // namespace

TEST_CASE("what is written is read back, sorted, padded and aligned") {
  const TempFolder scratch;
  const std::vector<float> a = {1, 2, 3, 4, 5, 6}, b = {-0.5f};
  WriteSafetensors(scratch / "m.safetensors",
                   {{"z", {2, 3}, a.data()}, {"a", {1}, b.data()}, {"e", {0, 4}, nullptr}});
  const SafetensorsFile file(scratch / "m.safetensors");
  CHECK(file.metadata().at("format") == "pt");
  REQUIRE(file.tensors().size() == 3);
  std::vector<float> back(6);
  CopyToFloat(file.tensors().at("z"), "z", back.data());
  CHECK(back == a);
  CHECK(file.tensors().at("z").shape == std::vector<std::int64_t>{2, 3});
  CHECK(file.tensors().at("e").Elements() == 0);
  const std::string bytes = ReadFile(scratch / "m.safetensors");
  std::uint64_t length;
  std::memcpy(&length, bytes.data(), 8);
  CHECK(length % 8 == 0);
  CHECK(bytes.find("\"a\"") < bytes.find("\"z\""));
}

TEST_CASE("half-precision tensors become the floats they stand for") {
  const TempFolder scratch;
  const std::string header =
      "{" + Entry("b", "BF16", "[2]", "[0,4]") + "," + Entry("h", "F16", "[6]", "[4,16]") + "}";
  std::string bytes = FileBytes(header, 0);
  const std::uint16_t values[8] = {0x3F80, 0xC040,  // 1, -3
                                   0x3C00, 0x8000, 0x0001, 0x03FF, 0x7BFF, 0xFBFF};
  bytes.append(reinterpret_cast<const char*>(values), sizeof values);
  WriteFileAtomically(scratch / "h.safetensors", bytes);
  const SafetensorsFile file(scratch / "h.safetensors");
  std::vector<float> brain(2), half(6);
  CopyToFloat(file.tensors().at("b"), "b", brain.data());
  CopyToFloat(file.tensors().at("h"), "h", half.data());
  CHECK(brain == std::vector<float>{1, -3});
  CHECK(half == std::vector<float>{1, -0.0f, 0x1p-24f, 1023 * 0x1p-24f, 65504, -65504});
}

TEST_CASE("hostile files are refused with one line that says what is wrong") {
  const TempFolder scratch;
  const auto refuse = [&](const std::string& bytes, const char* reason) {
    const std::string error = ErrorOf(scratch, bytes);
    CHECK_MESSAGE(error.find(reason) != std::string::npos, error);
    CHECK(error.find('\n') == std::string::npos);
  };
  CHECK(ErrorOf(scratch, FileBytes("{" + Entry("a", "F32", "[2]", "[0,8]") + "}", 8)) == "");
  CHECK(ErrorOf(scratch, FileBytes("{}   ", 0)) == "");
  refuse("abc", "too few");
  refuse(FileBytes("{}", 0, 1), "header length");
  refuse(FileBytes("{}", 0, ~0ull - 10), "header length");
  refuse(FileBytes("[]", 0), "not a JSON object");
  refuse(FileBytes("", 0), "not a JSON object");
  refuse(FileBytes("{\"a\":", 0), "not valid JSON");
  refuse(FileBytes("{\"a\":{}}", 0), "needs exactly");
  const std::string a = Entry("a", "F32", "[2]", "[0,8]");
  refuse(FileBytes("{" + a + "," + a + "}", 8), "duplicate key");
  refuse(FileBytes("{" + Entry("a", "F32", "[2]", "[0,8]") + "}", 7), "leave the file");
  refuse(FileBytes("{" + Entry("a", "F32", "[2]", "[0,8]") + "}", 9), "after the last tensor");
  refuse(FileBytes("{" + Entry("a", "F32", "[3]", "[0,8]") + "}", 8), "not what its shape");
  refuse(FileBytes("{" + Entry("a", "F99", "[2]", "[0,8]") + "}", 8), "dtype");
  refuse(FileBytes("{" + Entry("a", "F32", "[-2]", "[0,8]") + "}", 8), "shape");
  refuse(FileBytes("{" + Entry("a", "F32", "[2.0]", "[0,8]") + "}", 8), "shape");
  refuse(FileBytes("{" + Entry("a", "F32", "[2]", "[8,0]") + "}", 8), "leave the file");
  refuse(FileBytes("{" + Entry("a", "F32", "[281474976710656,281474976710656]", "[0,0]") + "}", 0),
         "not what its shape");
  refuse(FileBytes("{" + a + "," + Entry("b", "F32", "[1]", "[4,8]") + "}", 8), "overlap");
  refuse(FileBytes("{" + a + "," + Entry("b", "F32", "[1]", "[12,16]") + "}", 16), "hole");
  refuse(FileBytes("{" + Entry("a", "F32", "[1]", "[4,8]") + "}", 8), "hole");
  refuse(FileBytes("{\"__metadata__\":{\"x\":1}," + a + "}", 8), "__metadata__");
}

TEST_CASE("bfloat16 is written rounded to nearest even and read back exactly") {
  const TempFolder scratch;
  // 1 + 2^-8 lies between two bfloat16 values and goes to the even one; a little more goes up.
  const std::vector<float> values = {1.0f, -2.5f, 1.0f + 0x1p-8f, 1.0f + 0x1p-8f + 0x1p-20f, 3e38f};
  WriteSafetensors(scratch / "m.safetensors", {{"a", {5}, values.data(), TensorType::kBF16}});
  const SafetensorsFile file(scratch / "m.safetensors");
  CHECK(file.tensors().at("a").bytes.size() == 10);
  std::vector<float> back(5);
  CopyToFloat(file.tensors().at("a"), "a", back.data());
  CHECK(back[0] == 1.0f);
  CHECK(back[1] == -2.5f);
  CHECK(back[2] == 1.0f);
  CHECK(back[3] == 1.0f + 0x1p-7f);
  WriteSafetensors(scratch / "n.safetensors", {{"a", {5}, back.data(), TensorType::kBF16}});
  CHECK(ReadFile(scratch / "m.safetensors") == ReadFile(scratch / "n.safetensors"));
}

TEST_CASE("weights that are not finite are refused by name and place") {
  const TempFolder scratch;
  for (const float bad : {std::numeric_limits<float>::infinity(), std::nanf("")}) {
    for (const TensorType type : {TensorType::kF32, TensorType::kBF16}) {
      const std::vector<float> values = {0, bad};
      WriteSafetensors(scratch / "m.safetensors", {{"q", {2}, values.data(), type}});
      const SafetensorsFile file(scratch / "m.safetensors");
      std::vector<float> back(2);
      CHECK_THROWS_WITH_AS(CopyToFloat(file.tensors().at("q"), "q", back.data()),
                           doctest::Contains("tensor q: value 1"), Error);
    }
  }
}

TEST_CASE("large weights are written as shards with an index, none cut, and read as one") {
  const TempFolder scratch;
  const std::vector<float> values = {1, 2, 3, 4, 5};
  std::vector<FloatTensor> tensors;
  for (const char* name : {"d", "a", "c", "b"}) {
    tensors.push_back({name, {5}, values.data(), TensorType::kF32});
  }
  WriteFolderWeights(scratch / ".", tensors, 50);
  CHECK(std::filesystem::exists(scratch / "model-00002-of-00002.safetensors"));
  CHECK_FALSE(std::filesystem::exists(scratch / "model.safetensors"));
  const FolderWeights weights(scratch / ".");
  CHECK(weights.Names() == std::vector<std::string>{"a", "b", "c", "d"});
  CHECK(weights.SavedAs() == TensorType::kF32);
  const auto index = nlohmann::json::parse(ReadFile(scratch / "model.safetensors.index.json"));
  CHECK(index["metadata"]["total_size"] == 80);
  CHECK(index["weight_map"]["b"] == "model-00002-of-00002.safetensors");
}

TEST_CASE("shards are found through the index, which must be true") {
  const TempFolder scratch;
  const float one = 1, two = 2;
  WriteSafetensors(scratch / "model-00001-of-00002.safetensors",
                   {{"a", {1}, &one, TensorType::kF32}});
  WriteSafetensors(scratch / "model-00002-of-00002.safetensors",
                   {{"b", {1}, &two, TensorType::kF32}});
  WriteFileAtomically(scratch / "model.safetensors.index.json",
                      R"({"metadata":{"total_size":8},"weight_map":{
                        "a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}})");
  {
    const FolderWeights weights(scratch / ".");
    float value = 0;
    CopyToFloat(weights.Get("b", {1}), "b", &value);
    CHECK(value == 2);
    CHECK_THROWS_AS(weights.Get("b", {2}), Error);
    CHECK_THROWS_AS(weights.Get("c", {1}), Error);
  }
  WriteSafetensors(scratch / "model-00002-of-00002.safetensors",
                   {{"a", {1}, &two, TensorType::kF32}});
  CHECK_THROWS_AS(FolderWeights(scratch / "."), Error);
  for (const char* index :
       {R"({"weight_map":{"a":"../x.safetensors"}})", R"({"weight_map":{"a":".."}})",
        R"({"weight_map":{"a":"model-00001-of-00002.safetensors",
                          "b":"model-00001-of-00002.safetensors"}})",
        R"({"weight_map":{}})", R"({"weight_map":{"a":1}})", R"({})", "[]", "{"}) {
    CAPTURE(index);
    WriteFileAtomically(scratch / "model.safetensors.index.json", index);
    CHECK_THROWS_AS(FolderWeights(scratch / "."), Error);
  }
}

}  // namespace gradus
