#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

using TokenId = std::int32_t;

// BPE read from a Hugging Face tokenizer.json, byte-level (Qwen, Llama 3) or of SentencePiece's
// kind (Mistral, Phi-3, Llama 2). Immutable after loading, any thread. Added tokens are matched
// first, then come normaliser, pre-tokenizer and merges. Throws Error naming the unsupported
// component at load. Truncation and padding of the file are left aside, as transformers does.
class Tokenizer {
 public:
  // `folder` holds tokenizer.json (and perhaps tokenizer_config.json, generation_config.json).
  static Tokenizer Load(const std::filesystem::path& folder);
  Tokenizer(Tokenizer&&) noexcept;
  ~Tokenizer();

  // Encodes text; added tokens inside the text become their ids. No post-processor tokens.
  std::vector<TokenId> Encode(std::string_view text) const;
  // With the post-processor's tokens (e.g. a leading <|begin_of_text|>).
  std::vector<TokenId> EncodeWithSpecials(std::string_view text) const;
  // Keeps added tokens; invalid UTF-8 becomes U+FFFD.
  std::string Decode(const std::vector<TokenId>& ids) const;
  // How a token's text joins the text before it: a byte token forms characters with those beside
  // it.
  enum class Join : std::uint8_t { kNothing, kByte, kText };
  Join JoinOf(TokenId id) const;
  // A longer sequence's text begins with that of its beginning, incomplete characters aside. Not so
  // where the decoder strips or replaces at the end of the whole text.
  bool GrowsAtTheEnd() const;
  std::optional<TokenId> IdOf(
      std::string_view token) const;           // An added token or a vocabulary entry.
  bool IsAdded(std::string_view token) const;  // Found in text before anything else.
  int VocabularySize() const;                  // Largest id + 1.
  // End-of-sequence ids: generation_config.json, else config.json, else tokenizer_config.json; may
  // be empty.
  const std::vector<TokenId>& EosIds() const;

 private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Writes a byte-level tokenizer.json (the byte symbols of `alphabet`, "" for all 256, no merges)
// with `added` as special tokens, plus tokenizer_config.json: for models made from nothing. Other
// bytes have no token and vanish in Encode.
void WriteByteTokenizer(const std::filesystem::path& folder, const std::vector<std::string>& added,
                        const std::string& eos, const std::string& alphabet = "");

}  // namespace gradus
