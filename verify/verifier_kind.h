#pragma once
#include <memory>
#include <string>
#include <vector>

#include "verify/answers/grader.h"
#include "verify/command/command_verifier.h"
#include "verify/limits.h"
#include "verify/python/python_executor.h"
#include "verify/verifier.h"

namespace gradus {

class Settings;

struct VerifierOptions {
  std::string kind = "python";
  GraderMode grader = GraderMode::kStrict;  // Of answers, where the verifier has no rules itself.
  ExecutorOptions python;                   // Of the kind python.
  CommandOptions command;                   // Of the kind command.
};
// Kind and grader; the others have sections of their own.
void Bind(Settings& settings, VerifierOptions& options);

// A verifier that `verifier.kind` may name.
struct VerifierKind {
  const char* name;
  const char* about;         // One line.
  bool runs_python = false;  // Steps may be programs in Python.
  bool (*judges)(const Goal& goal);
  void (*check)(const VerifierOptions& options);  // Throws Error for what cannot be made.
  std::unique_ptr<Verifier> (*make)(asio::io_context& io, const VerifierOptions& options);
  ExecLimits (*limits)(const VerifierOptions& options);  // Of one step or check.
};
const std::vector<VerifierKind>& BuiltInVerifierKinds();
// All that this program knows; a program built elsewhere may define it itself and so know more.
const std::vector<VerifierKind>& VerifierKinds();

// Throws Error listing the known names.
const VerifierKind& FindVerifierKind(const std::string& name);

}  // namespace gradus
