#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "schemas/tree.h"

namespace gradus {

// A tree as a person reads it: one line a node, indented by depth, with Q, visits, PPM score,
// verdict, text and output.
std::string TreeText(const Tree& tree);

// One line: key, problem, answers by verdict, nodes.
std::string TreeLine(const Tree& tree);

// For scripts and the report's viewer: {key, problem, method, seed, …, "nodes": [{parent, kind, q,
// visits, …}]}.
nlohmann::ordered_json TreeJson(const Tree& tree);
// The same without nodes.
nlohmann::ordered_json TreeSummaryJson(const Tree& tree);

const char* ToString(NodeKind kind);

// Bytes that are not UTF-8 become U+FFFD, control characters other than newline and tab visible
// escapes.
std::string Printable(const std::string& text);

}  // namespace gradus
