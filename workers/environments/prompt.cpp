#include "workers/environments/prompt.h"

#include "schemas/base/settings.h"

namespace gradus {
namespace {

struct Turns {
  const char *system, *user, *assistant, *end;
};

const Turns& TurnsOf(ChatFormat chat) {
  static const Turns none{"", "", "", ""};
  static const Turns chatml{"<|im_start|>system\n", "<|im_start|>user\n", "<|im_start|>assistant\n",
                            "<|im_end|>\n"};
  static const Turns llama3{"<|start_header_id|>system<|end_header_id|>\n\n",
                            "<|start_header_id|>user<|end_header_id|>\n\n",
                            "<|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>"};
  static const Turns phi3{"<|system|>\n", "<|user|>\n", "<|assistant|>\n", "<|end|>\n"};
  switch (chat) {
    case ChatFormat::kNone:
      return none;
    case ChatFormat::kChatMl:
      return chatml;
    case ChatFormat::kLlama3:
      return llama3;
    case ChatFormat::kPhi3:
      return phi3;
  }
  return none;
}

}  // namespace

void Bind(Settings& s, PromptOptions& o) {
  s.Field("prompt", o.text, "prompt template; {problem} is replaced by the problem text");
  s.Choice("chat", o.chat,
           {{"none", ChatFormat::kNone},
            {"chatml", ChatFormat::kChatMl},
            {"llama3", ChatFormat::kLlama3},
            {"phi3", ChatFormat::kPhi3}},
           "turns put around the prompt, for an instruction model: chatml (Qwen, SmolLM), llama3, "
           "phi3");
  s.Field("system", o.system, "first turn of a chat; empty: none");
}

std::string Replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

std::string BuildPrompt(const PromptOptions& options, const std::vector<Demonstration>& examples,
                        const Problem& problem) {
  const Turns& turns = TurnsOf(options.chat);
  const bool chat = options.chat != ChatFormat::kNone;
  std::string prompt;
  if (!options.system.empty())
    prompt += turns.system + options.system + (chat ? turns.end : "\n\n");
  const auto ask = [&](const Problem& p) {
    return turns.user + Replaced(options.text, "{problem}", p.problem) + turns.end +
           turns.assistant;
  };
  for (const Demonstration& example : examples) {
    prompt += ask(example.problem) + example.solution + (chat ? turns.end : "\n\n");
  }
  return prompt + ask(problem);
}

std::string PromptContent(const PromptOptions& options,
                          const std::vector<Demonstration>& examples) {
  std::string content = options.text;
  if (options.chat != ChatFormat::kNone || !options.system.empty()) {
    content += fmt::format("\x1e{}\x1e{}", static_cast<int>(options.chat), options.system);
  }
  for (const Demonstration& example : examples) {
    content += "\x1d" + example.problem.problem + "\x1e" + example.solution;
  }
  return content;
}

}  // namespace gradus
