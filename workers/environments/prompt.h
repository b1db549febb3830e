#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "schemas/problem.h"

namespace gradus {

class Settings;

// The turns that an instruction model was trained on. kNone: the text as it is.
enum class ChatFormat : std::uint8_t { kNone, kChatMl, kLlama3, kPhi3 };

struct PromptOptions {
  // What the model is asked; {problem} is replaced by the problem text.
  std::string text =
      "<|user|>:\n{problem}\n<|assistant|>: Let's think step by step and solve the problem with "
      "code.";
  ChatFormat chat = ChatFormat::kNone;
  std::string system;  // First turn of a chat; "": none.
};
void Bind(Settings& settings, PromptOptions& options);

// `text` with every `from` replaced by `to`.
std::string Replaced(std::string text, std::string_view from, std::string_view to);

// The examples as finished exchanges, then the problem, up to where the model answers. Without a
// chat format, exchanges are parted by an empty line.
std::string BuildPrompt(const PromptOptions& options, const std::vector<Demonstration>& examples,
                        const Problem& problem);

// All that shapes a prompt beside the problem, as text to take a digest of. `text` alone where
// nothing else is set.
std::string PromptContent(const PromptOptions& options, const std::vector<Demonstration>& examples);

}  // namespace gradus
