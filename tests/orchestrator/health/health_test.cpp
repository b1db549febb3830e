#include "orchestrator/health/health.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include "schemas/base/file.h"

using namespace gradus;

TEST_CASE("The folder check leaves nothing behind and says what is wrong") {
  const fs::path folder = fs::temp_directory_path() / fmt::format("gradus-folder-{}", ::getpid());
  MakeFolder(folder);
  const auto good = CheckFolder(folder);
  CHECK_FALSE(good.empty());
  for (const Finding& finding : good) CHECK(finding.health != Health::kMissing);
  CHECK(fs::is_empty(folder));
  fs::remove_all(folder);
  const auto findings = CheckFolder(folder);
  REQUIRE(findings.size() == 1);
  CHECK(findings[0].health == Health::kMissing);
  CHECK_FALSE(findings[0].advice.empty());
}

TEST_CASE("Every shortfall comes with advice") {
  for (const auto& findings : {CheckMachine(), CheckGpus(), CheckHdf5(), CheckLauncher()}) {
    CHECK_FALSE(findings.empty());
    for (const Finding& finding : findings) {
      CHECK_FALSE(finding.found.empty());
      CHECK_MESSAGE((finding.health == Health::kOk || !finding.advice.empty()), finding.name);
    }
  }
}
