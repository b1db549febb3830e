#include "orchestrator/inspect/report.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "tests/fakes/hand_made_run.h"

using namespace gradus;

namespace {

struct Page {
  std::string html;
  nlohmann::json data;
};

Page PageOf(const RunFiles& files) {
  const fs::path file = files.root / "page.html";
  WriteReport(files, file);
  Page page{ReadFile(file), {}};
  const std::string open = "<script type=\"application/json\" id=\"data\">";
  const std::size_t from = page.html.find(open) + open.size();
  page.data =
      nlohmann::json::parse(page.html.substr(from, page.html.find("</script>", from) - from));
  return page;
}

fs::path Folder(const char* name) {
  return fs::temp_directory_path() / fmt::format("gradus-{}-{}", name, ::getpid());
}

}  // namespace

TEST_CASE("The report is one page without anything from elsewhere") {
  const HandMadeRun run(Folder("report"), 2);
  const Page page = PageOf(run.files());
  for (const char* foreign :
       {"http://", "https://", "src=", "@import", "url(", "<link", "__GRADUS_DATA__"}) {
    CHECK_MESSAGE(page.html.find(foreign) == std::string::npos, foreign);
  }
  CHECK(page.data["rounds"].size() == 4);
  CHECK(page.data["rounds"][2]["eval"]["control"].get<double>() == doctest::Approx(0.39));
  fs::remove_all(run.files().root);
}

TEST_CASE("The report shows trees of the newest rounds, with the gold answer") {
  const HandMadeRun run(Folder("trees"), 3);
  const Page page = PageOf(run.files());
  REQUIRE(page.data["trees"].size() > 2);
  for (const auto& tree : page.data["trees"]) {
    const std::string key = tree["key"];
    CHECK((key.starts_with("r3/") || key.starts_with("r2/")));
    CHECK(tree["nodes"].size() > 1);
    CHECK_FALSE(tree["gold"].get<std::string>().empty());
  }
  CHECK(page.data["trees"][0]["correct"].get<int>() > 0);
  fs::remove_all(run.files().root);
}

TEST_CASE("Text of a run cannot end the page's script or leave its place") {
  const fs::path root = Folder("hostile");
  RunFiles files{root};
  MakeFolder(files.Round(0));
  const std::string hostile = "</script><script>alert(1)</script><!-- \xFF";
  WriteFileAtomically(files.Config(), "# " + hostile);
  Manifest manifest;
  manifest.metrics = nlohmann::json{{"failures", {{"</script>", 1}}}}.dump();
  WriteManifest(files.Manifest(0), manifest);
  const Page page = PageOf(files);
  CHECK(page.html.find("alert(1)</script>") == std::string::npos);
  CHECK(page.data["config"] == "# </script><script>alert(1)</script><!-- \xEF\xBF\xBD");
  CHECK(page.data["rounds"][0]["failures"]["</script>"] == 1);
  fs::remove_all(root);
}

TEST_CASE("A run without any round has a report") {
  const fs::path root = Folder("empty");
  RunFiles files{root};
  MakeFolder(root / "rounds");
  CHECK(PageOf(files).data["rounds"].empty());
  fs::remove_all(root);
}
