#include "trainer/model/model.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "tests/fakes/temp_folder.h"
#include "workers/engine/engine.h"
#include "workers/models/folder_weights.h"
#include "workers/models/hf_folder.h"

namespace gradus {
namespace {

struct Shape {
  int hidden, heads, kv_heads;
  bool tied, bias;
};

// A random model with non-trivial biases, norms and head, saved as a folder.
Model MakeModel(const std::filesystem::path& folder, const Shape& shape) {
  RandomModelOptions options;
  options.hidden_size = shape.hidden;
  options.intermediate_size = 2 * shape.hidden + 8;
  options.num_heads = shape.heads;
  options.num_kv_heads = shape.kv_heads;
  const std::filesystem::path base = folder.string() + ".base";
  MakeRandomModel(base, options, {"<stop>"}, 5);
  if (!shape.bias) {
    std::string config = ReadFile(base / "config.json");
    config.replace(config.find("Qwen2ForCausalLM"), 16, "LlamaForCausalLM");
    WriteFileAtomically(base / "config.json", config);
  }
  Model model = LoadModel(base);
  Seed seed = 3;
  for (const auto& [name, tensor] : NamedParameters(model)) {
    Random random(++seed);
    float* data = tensor.data_ptr<float>();
    for (std::int64_t i = 0; i < tensor.numel(); ++i) {
      data[i] += static_cast<float>(0.1 * (random.Uniform() - 0.5));
    }
  }
  if (!shape.tied) {
    model.config.tie_embeddings = false;
    model.lm_head = model.embedding.flip({0}).contiguous();
  }
  SaveModel(model, folder, base);
  return model;
}

std::vector<TokenId> SomeTokens(int count, Seed seed) {
  Random random(seed);
  std::vector<TokenId> tokens;
  for (int i = 0; i < count; ++i) tokens.push_back(static_cast<TokenId>(random.Below(257)));
  return tokens;
}

PackedTokens PackOf(const std::vector<std::vector<TokenId>>& texts) {
  PackedTokens pack;
  for (const auto& text : texts) pack.Add(text);
  return pack;
}

std::vector<Continuation> RunOne(Engine& engine, GenerateRequest request) {
  std::promise<std::vector<Continuation>> promise;
  engine.Generate(std::move(request), [&](std::vector<Continuation> results) {
    promise.set_value(std::move(results));
  });
  return promise.get_future().get();
}

// The plain formulas, one sequence, in double precision: the yardstick of both implementations.
at::Tensor ReferenceLogits(const Model& model, const std::vector<TokenId>& tokens) {
  const ModelConfig& c = model.config;
  const auto wide = [](const at::Tensor& tensor) { return tensor.to(at::kDouble); };
  const auto norm = [&](const at::Tensor& x, const at::Tensor& weight) {
    return x * at::rsqrt(x.pow(2).mean(-1, true) + c.rms_norm_eps) * wide(weight);
  };
  const auto project = [&](const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
    const at::Tensor y = at::matmul(x, wide(weight).t());
    return bias.defined() ? y + wide(bias) : y;
  };
  const auto length = static_cast<std::int64_t>(tokens.size());
  const int half = c.head_dim / 2;
  const at::Tensor frequency =
      at::pow(c.rope.theta, at::arange(half, at::kDouble) * (-2.0 / c.head_dim));
  const at::Tensor angle = at::outer(at::arange(length, at::kDouble), frequency);
  const at::Tensor cos = at::cat({angle, angle}, -1).cos(), sin = at::cat({angle, angle}, -1).sin();
  const auto turn = [&](const at::Tensor& x) {
    return x * cos + at::cat({-x.slice(-1, half), x.slice(-1, 0, half)}, -1) * sin;
  };
  at::Tensor x =
      wide(model.embedding)
          .index_select(0, at::tensor(std::vector<std::int64_t>(tokens.begin(), tokens.end())));
  const at::Tensor mask = at::full({length, length}, -INFINITY, at::kDouble).triu(1);
  for (const LayerWeights& w : model.layers) {
    const at::Tensor n = norm(x, w.input_norm);
    const at::Tensor q = project(n, w.q, w.q_bias), k = project(n, w.k, w.k_bias),
                     v = project(n, w.v, w.v_bias);
    std::vector<at::Tensor> mixed;
    for (int h = 0; h < c.num_heads; ++h) {
      const int g = h / (c.num_heads / c.num_kv_heads);
      const at::Tensor qh = turn(q.narrow(1, h * c.head_dim, c.head_dim));
      const at::Tensor kg = turn(k.narrow(1, g * c.head_dim, c.head_dim));
      const at::Tensor weights = at::softmax(
          at::matmul(qh, kg.t()) / std::sqrt(static_cast<double>(c.head_dim)) + mask, -1);
      mixed.push_back(at::matmul(weights, v.narrow(1, g * c.head_dim, c.head_dim)));
    }
    x = x + project(at::cat(mixed, 1), w.o, {});
    const at::Tensor m = norm(x, w.post_norm);
    const at::Tensor gate = project(m, w.gate, {});
    x = x + project(gate * at::sigmoid(gate) * project(m, w.up, {}), w.down, {});
  }
  return project(norm(x, model.final_norm), model.lm_head, {});
}

double LargestDifference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

}  // namespace

TEST_CASE("engine and training forward agree with the formulas on every family of shapes") {
  for (const Shape& shape :
       {Shape{48, 4, 2, true, true}, Shape{48, 4, 4, false, true}, Shape{96, 6, 2, true, false},
        Shape{60, 6, 1, false, false}, Shape{128, 4, 2, true, true}}) {
    const TempFolder scratch;
    const Model model = MakeModel(scratch / "m", shape);
    const auto engine = MakeEngine(scratch / "m", EngineOptions{});
    std::vector<std::vector<TokenId>> rows;
    for (int length : {1, 2, 7, 33, 100})
      rows.push_back(SomeTokens(length, static_cast<Seed>(length)));
    const PackedTokens pack = PackOf(rows);
    const at::Tensor hidden = ForwardHidden(model, pack);
    for (std::size_t b = 0; b < rows.size(); ++b) {
      const auto length = static_cast<std::int64_t>(rows[b].size());
      const at::Tensor exact = ReferenceLogits(model, rows[b]);
      const at::Tensor trained =
          Logits(model, hidden.narrow(0, pack.segment(static_cast<int>(b)).first, length));
      CHECK(LargestDifference(trained, exact) < 1e-4);
      GenerateRequest request;
      request.context = Extend(nullptr, rows[b]);
      request.max_tokens = 1;
      request.top_logits = model.config.vocab_size;
      const std::vector<Continuation> results = RunOne(*engine, request);
      for (const auto& [id, logit] : results[0].top) {
        CHECK(std::abs(static_cast<double>(logit) - exact[-1][id].item<double>()) < 1e-4);
      }
      std::promise<double> promise;
      engine->LogProb(Extend(nullptr, rows[b]), [&](double value) { promise.set_value(value); });
      double sum = 0;
      const at::Tensor logprobs = at::log_softmax(exact, -1);
      for (std::int64_t t = 0; t + 1 < length; ++t) {
        sum += logprobs[t][rows[b][static_cast<std::size_t>(t) + 1]].item<double>();
      }
      CHECK(promise.get_future().get() == doctest::Approx(sum).epsilon(1e-5));
    }
  }
}

TEST_CASE("every family's logits, log-probabilities and greedy tokens are those of the reference") {
  for (const char* name :
       {"tiny_qwen2", "tiny_qwen2_old", "tiny_qwen3", "tiny_llama3", "tiny_mistral", "tiny_phi3"}) {
    CAPTURE(std::string(name));
    const fs::path folder = fs::path(GRADUS_SOURCE_DIR) / "tests/workers/models/golden" / name;
    const auto engine = MakeEngine(folder, EngineOptions{});
    const Model model = LoadModel(folder);
    std::ifstream file(folder / "logits.jsonl");
    int cases = 0;
    for (std::string line; std::getline(file, line); ++cases) {
      const auto expected = nlohmann::json::parse(line);
      const auto tokens = expected["ids"].get<std::vector<TokenId>>();
      CAPTURE(tokens.size());
      GenerateRequest request;
      request.context = Extend(nullptr, tokens);
      request.max_tokens = 8;
      request.sampling.temperature = 0;
      request.top_logits = 260;
      const auto results = RunOne(*engine, request);
      CHECK(results[0].tokens == expected["greedy"].get<std::vector<TokenId>>());
      REQUIRE(results[0].top.size() == 260);
      const at::Tensor logits = Logits(model, ForwardHidden(model, PackOf({tokens})));
      double of_engine = 0, of_training = 0;
      for (const auto& [id, logit] : results[0].top) {
        const double right = expected["last"][static_cast<std::size_t>(id)].get<double>();
        REQUIRE(std::isfinite(logits[-1][id].item<double>() + static_cast<double>(logit)));
        of_engine = std::max(of_engine, std::abs(static_cast<double>(logit) - right));
        of_training = std::max(of_training, std::abs(logits[-1][id].item<double>() - right));
      }
      CHECK(of_engine < 2e-4);
      CHECK(of_training < 2e-4);
      std::promise<double> promise;
      engine->LogProb(request.context, [&](double value) { promise.set_value(value); });
      CHECK(promise.get_future().get() ==
            doctest::Approx(expected["logprob"].get<double>()).epsilon(1e-4));
    }
    CHECK(cases == 5);
  }
}

TEST_CASE("saving what another program wrote keeps every tensor and its type, for each family") {
  for (const char* name :
       {"tiny_qwen2", "tiny_qwen2_old", "tiny_qwen3", "tiny_llama3", "tiny_mistral", "tiny_phi3"}) {
    CAPTURE(std::string(name));
    const TempFolder scratch;
    const fs::path folder = fs::path(GRADUS_SOURCE_DIR) / "tests/workers/models/golden" / name;
    SaveModel(LoadModel(folder), scratch / "m", folder);
    const FolderWeights before(folder), after(scratch / "m");
    CHECK(before.Names() == after.Names());
    for (const std::string& tensor : before.Names()) {
      CHECK_MESSAGE(before.At(tensor).type == after.At(tensor).type, tensor);
      CHECK_MESSAGE(before.At(tensor).shape == after.At(tensor).shape, tensor);
      CHECK_MESSAGE(before.At(tensor).bytes == after.At(tensor).bytes, tensor);
    }
    CHECK(ReadFile(folder / "config.json") == ReadFile(scratch / "m" / "config.json"));
  }
}

TEST_CASE("scores are the squashed raw values of the training forward") {
  const TempFolder scratch;
  Model model = MakeModel(scratch / "policy", {48, 4, 2, true, true});
  AddValueHead(model, 4);
  model.value_weight.mul_(20);
  model.value_bias.fill_(0.3);
  SaveModel(model, scratch / "ppm", scratch / "policy");
  const auto tokens = SomeTokens(40, 2);
  const double raw = RawValues(model, ForwardHidden(model, PackOf({tokens})))[-1].item<double>();
  for (double scale : {1.0, 5.0}) {
    const auto engine = MakeEngine(scratch / "ppm", {.ppm_scale = scale});
    const SequencePtr root = Extend(nullptr, {tokens.begin(), tokens.begin() + 30});
    const SequencePtr leaf = Extend(root, {tokens.begin() + 30, tokens.end()});
    for (int repeat = 0; repeat < 2; ++repeat) {
      std::promise<float> promise;
      engine->Score(leaf, [&](float value) { promise.set_value(value); });
      CHECK(static_cast<double>(promise.get_future().get()) ==
            doctest::Approx(std::tanh(raw / scale)).epsilon(1e-5));
    }
  }
}

TEST_CASE("saving what was loaded gives the same bytes, for a policy and for a PPM") {
  const TempFolder scratch;
  Model model = MakeModel(scratch / "a", {48, 4, 2, false, true});
  AddValueHead(model, 9);
  SaveModel(model, scratch / "b", scratch / "a");
  SaveModel(LoadModel(scratch / "b"), scratch / "c", scratch / "b");
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(scratch / "b")) {
    ++files;
    CHECK(ReadFile(entry.path()) == ReadFile(scratch / "c" / entry.path().filename()));
  }
  CHECK(files == 6);
  CHECK(ModelDigest(scratch / "b") == ModelDigest(scratch / "c"));
  CHECK(ModelDigest(scratch / "a") != ModelDigest(scratch / "b"));
  CheckModelFolder(scratch / "c");
}

TEST_CASE("saving over a folder replaces it whole and keeps unknown configuration keys") {
  const TempFolder scratch;
  const Model model = MakeModel(scratch / "a", {48, 4, 2, true, true});
  std::string config = ReadFile(scratch / "a" / "config.json");
  config.insert(config.find('{') + 1,
                "\"zz_custom\": [1, {\"b\": null}], \"dtype\": \"bfloat16\",");
  WriteFileAtomically(scratch / "a" / "config.json", config);
  std::filesystem::create_directories(scratch / "b");
  WriteFileAtomically(scratch / "b" / "stale.txt", "x");
  SaveModel(model, scratch / "b", scratch / "a");
  CHECK(!std::filesystem::exists(scratch / "b" / "stale.txt"));
  const std::string saved = ReadFile(scratch / "b" / "config.json");
  CHECK(saved.find("zz_custom") < saved.find("architectures"));
  CHECK(saved.find("\"dtype\": \"float32\"") != std::string::npos);
  // Only the folders themselves are there: no temporary one is left.
  int left = 0;
  for (const auto& entry : std::filesystem::directory_iterator(scratch / "."))
    left += entry.is_directory();
  CHECK(left == 3);
}

TEST_CASE("a missing or unsupported configuration key is named") {
  const TempFolder scratch;
  MakeModel(scratch / "a", {48, 4, 2, true, true});
  const std::string good = ReadFile(scratch / "a" / "config.json");
  const auto error_of = [&](const std::string& from, const std::string& to) {
    std::string config = good;
    config.replace(config.find(from), from.size(), to);
    WriteFileAtomically(scratch / "a" / "config.json", config);
    try {
      ReadModelConfig(scratch / "a");
      return std::string();
    } catch (const Error& error) {
      return std::string(error.what());
    }
  };
  for (const std::string key :
       {"vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "rope_theta",
        "num_attention_heads", "num_key_value_heads", "max_position_embeddings", "rms_norm_eps",
        "tie_word_embeddings", "hidden_act", "architectures"}) {
    const std::string error = error_of("\"" + key + "\"", "\"no_" + key + "\"");
    CHECK_MESSAGE(error.find(key) != std::string::npos, key, ": ", error);
  }
  CHECK(error_of("\"rope_theta\": 10000.0",
                 "\"rope_parameters\": {\"rope_theta\": 5e5, \"rope_type\": \"default\"}") == "");
  CHECK(ReadModelConfig(scratch / "a").rope.theta == 5e5);
  CHECK(error_of("\"rope_theta\": 10000.0",
                 "\"rope_parameters\": {\"rope_theta\": 5e5, \"rope_type\": \"llama3\"}")
            .find("low_freq_factor") != std::string::npos);
  CHECK(error_of("\"rope_theta\": 10000.0",
                 "\"rope_parameters\": {\"rope_theta\": 5e5, \"rope_type\": \"dynamic\"}")
            .find("dynamic") != std::string::npos);
  CHECK(error_of("\"use_sliding_window\": false",
                 "\"use_sliding_window\": true, \"sliding_window\": 9, \"max_window_layers\": 0") ==
        "");
  CHECK(ReadModelConfig(scratch / "a").windows.front() == 9);
  CHECK(error_of("\"silu\"", "\"gelu\"").find("hidden_act") != std::string::npos);
  CHECK(error_of("Qwen2ForCausalLM", "GPT2LMHeadModel").find("GPT2") != std::string::npos);
}

TEST_CASE("gradients of the training forward agree with finite differences") {
  const TempFolder scratch;
  const Model model = MakeModel(scratch / "m", {16, 2, 1, true, true});
  const std::vector<std::vector<TokenId>> rows = {SomeTokens(6, 1), SomeTokens(9, 2)};
  const at::Tensor direction = at::sin(at::arange(16, at::kFloat));
  const auto loss = [&] {
    return ForwardHidden(model, PackOf(rows)).matmul(direction).tanh().sum();
  };
  for (const auto& [name, tensor] : NamedParameters(model)) tensor.set_requires_grad(true);
  loss().backward();
  for (const auto& [name, tensor] : NamedParameters(model)) {
    const at::Tensor gradient = tensor.grad();
    REQUIRE_MESSAGE(gradient.defined(), name);
    const at::Tensor step = gradient / gradient.norm();
    at::NoGradGuard guard;
    constexpr double kSize = 1e-3;
    tensor.add_(step, kSize);
    const double above = loss().item<double>();
    tensor.add_(step, -2 * kSize);
    const double below = loss().item<double>();
    tensor.add_(step, kSize);
    const double expected = gradient.norm().item<double>();
    CHECK_MESSAGE(std::abs((above - below) / (2 * kSize) - expected) < 0.02 * expected + 5e-3,
                  name);
  }
}

TEST_CASE("added marker tokens fill the padding first, then grow the model, and old logits stay") {
  const TempFolder scratch;
  const Model before = MakeModel(scratch / "a", {48, 4, 2, false, true});
  AddTokens(scratch / "a", scratch / "b", {"<end_of_step>", "<stop>", "<code>"}, 1);
  const Model after = LoadModel(scratch / "b");
  const Tokenizer tokenizer = Tokenizer::Load(scratch / "b");
  CHECK(after.config.vocab_size == before.config.vocab_size + 2);
  CHECK(tokenizer.IdOf("<end_of_step>") == 258);
  CHECK(tokenizer.IdOf("<code>") == 259);
  CHECK(tokenizer.Encode("a<code>") == std::vector<TokenId>{'a', 259});
  CHECK(after.embedding.slice(0, 0, before.config.vocab_size).equal(before.embedding));
  CHECK(after.lm_head.slice(0, 0, before.config.vocab_size).equal(before.lm_head));
  const std::vector<TokenId> pieces = Tokenizer::Load(scratch / "a").Encode("<end_of_step>");
  const at::Tensor were = before.embedding.index_select(
      0, at::tensor(std::vector<std::int64_t>(pieces.begin(), pieces.end())));
  CHECK(LargestDifference(after.embedding[258], were.mean(0)) < 0.005);
  CHECK(!after.embedding[258].equal(after.embedding[259]));
  CheckModelFolder(scratch / "b");

  Model padded = after;
  padded.config.vocab_size += 6;
  for (at::Tensor* tensor : {&padded.embedding, &padded.lm_head}) {
    *tensor = at::cat({*tensor, at::zeros({6, 48})}).contiguous();
  }
  SaveModel(padded, scratch / "c", scratch / "b");
  AddTokens(scratch / "c", scratch / "d", {"<x>", "<y>"}, 1);
  CHECK(LoadModel(scratch / "d").config.vocab_size == padded.config.vocab_size);
  CHECK(Tokenizer::Load(scratch / "d").IdOf("<y>") == 261);
}

}  // namespace gradus
