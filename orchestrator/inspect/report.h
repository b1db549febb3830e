#pragma once
#include <filesystem>

#include "schemas/files/run_files.h"

namespace gradus {

// Writes one self-contained HTML page about a run: curves with the control, coverage, PPM, cost,
// trees.
void WriteReport(const RunFiles& files, const std::filesystem::path& page);

}  // namespace gradus
