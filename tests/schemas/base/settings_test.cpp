#include "schemas/base/settings.h"

#include <doctest/doctest.h>

#include "schemas/base/error.h"
#include "schemas/base/seed.h"

using namespace gradus;

namespace {

enum class Ties { kFirst, kRandom, kCount };

struct Limits {
  double wall_s = 10;
  int memory_mb = 512;
};

struct Options {
  std::string preset;
  std::string name = "run";
  bool deterministic = true;
  std::uint64_t seed = 1;
  std::vector<std::string> files;
  int candidates = 4;
  double c_puct = 2;
  PerRound<int> rollouts{{16}};
  PerRound<double> temperature{{1.0}};
  Ties ties = Ties::kFirst;
  PerRound<Ties> annotation{{Ties::kFirst}};
  Limits limits;
};

void Bind(Settings& s, Limits& o) {
  s.Field("wall_s", o.wall_s, {0, 3600}, "seconds of wall clock");
  s.Field("memory_mb", o.memory_mb, {1, 1 << 20}, "memory");
}

void Bind(Settings& s, Options& o) {
  const Settings::Choices<Ties> ties = {
      {"first", Ties::kFirst}, {"random", Ties::kRandom}, {"count", Ties::kCount}};
  s.Field("preset", o.preset, "the preset below this file");
  s.Field("name", o.name, "name of the run");
  s.Field("deterministic", o.deterministic, "same bits on any number of ranks");
  s.Field("seed", o.seed, "seed of everything");
  s.Section("search", "how trees grow", [&](Settings& search) {
    search.Field("files", o.files, "files to read");
    search.Field("candidates", o.candidates, {1, 64}, "children of one expansion");
    search.Field("c_puct", o.c_puct, {0}, "exploration constant");
    search.Field("rollouts", o.rollouts, {1, 1e6}, "rollouts of one tree");
    search.Field(
        "temperature", o.temperature, {0, 5},
        "a comment so long that it cannot possibly stand behind the value on one line of a "
        "hundred columns");
    search.Choice("ties", o.ties, ties, "order of unvisited children");
    search.Choice("annotation", o.annotation, ties, "by round");
    search.Section("limits", "of one program", [&](Settings& limits) { Bind(limits, o.limits); });
  });
}

Options Read(const std::string& text, const std::vector<std::string>& overrides = {}) {
  Options options;
  SettingsFile file(text, "c.yaml");
  for (const std::string& override : overrides) file.Override(override);
  const std::unique_ptr<Settings> reader = file.Reader();
  Bind(*reader, options);
  reader->Finish();
  return options;
}

std::string Problem(const std::string& text, const std::vector<std::string>& overrides = {}) {
  try {
    Read(text, overrides);
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::kBadInput);
    CHECK(std::string(error.what()).find('\n') == std::string::npos);
    return error.what();
  }
  return "no error";
}

std::string Print(Options& options, SettingsPrinter::Comments comments) {
  SettingsPrinter printer(comments);
  Bind(printer.root(), options);
  return printer.Text();
}

void CheckEqual(const Options& a, const Options& b) {
  CHECK(a.preset == b.preset);
  CHECK(a.name == b.name);
  CHECK(a.deterministic == b.deterministic);
  CHECK(a.seed == b.seed);
  CHECK(a.files == b.files);
  CHECK(a.candidates == b.candidates);
  CHECK(a.c_puct == b.c_puct);
  CHECK(a.rollouts.values == b.rollouts.values);
  CHECK(a.temperature.values == b.temperature.values);
  CHECK(a.ties == b.ties);
  CHECK(a.annotation.values == b.annotation.values);
  CHECK(a.limits.wall_s == b.limits.wall_s);
  CHECK(a.limits.memory_mb == b.limits.memory_mb);
}

std::string HostileText(Random& random) {
  static const std::vector<std::string> kPieces = {
      "a", "Z", "0",    " ",  ":", "#",  "'",  "\"",   "\\", "\n",   "\t",   "\x01", "é",   "日",
      "-", "?", "null", "no", "~", "{}", "[]", "true", "1",  "1e-3", ".inf", "!",    "\r",  "&",
      "*", "%", "@",    "`",  "|", ">",  ",",  "=",    "/",  ".",    "_",    "\x7f", "---", "..."};
  std::string text;
  for (std::uint64_t n = random.Below(6); n > 0; --n) text += kPieces[random.Below(kPieces.size())];
  return text;
}

Options RandomOptions(Random& random) {
  Options o;
  o.preset = HostileText(random);
  o.name = HostileText(random);
  o.deterministic = random.Below(2) == 0;
  o.seed = random.Bits();
  for (std::uint64_t n = random.Below(4); n > 0; --n) o.files.push_back(HostileText(random));
  o.candidates = 1 + static_cast<int>(random.Below(64));
  o.c_puct = random.Below(8) == 0 ? std::numeric_limits<double>::infinity()
                                  : random.Uniform() * 1e-9 / random.Uniform();
  o.rollouts.values.clear();
  o.temperature.values.clear();
  o.annotation.values.clear();
  for (std::uint64_t n = 1 + random.Below(3); n > 0; --n) {
    o.rollouts.values.push_back(1 + static_cast<int>(random.Below(1000000)));
    o.temperature.values.push_back(5 * random.Uniform());
    o.annotation.values.push_back(static_cast<Ties>(random.Below(3)));
  }
  o.ties = static_cast<Ties>(random.Below(3));
  o.limits.wall_s = 3600 * random.Uniform();
  o.limits.memory_mb = 1 + static_cast<int>(random.Below(1 << 20));
  return o;
}

}  // namespace

TEST_CASE("an empty file keeps every default") {
  CheckEqual(Read(""), Options());
  CheckEqual(Read("# only a comment\n"), Options());
  CheckEqual(Read("search:\n"), Options());
}

TEST_CASE("every kind of field is read") {
  const Options o = Read(
      "name: 12\ndeterministic: false\nseed: 18446744073709551615\n"
      "search:\n  files: [a b, 'c']\n  candidates: +8\n  c_puct: 1e-3\n  rollouts: [16, 8]\n"
      "  temperature: 0.5\n  ties: count\n  annotation: [random, first]\n  limits: {wall_s: 2}\n");
  CHECK(o.name == "12");
  CHECK_FALSE(o.deterministic);
  CHECK(o.seed == 18446744073709551615u);
  CHECK(o.files == std::vector<std::string>{"a b", "c"});
  CHECK(o.candidates == 8);
  CHECK(o.c_puct == 1e-3);
  CHECK(o.rollouts.At(1) == 16);
  CHECK(o.rollouts.At(7) == 8);
  CHECK(o.temperature.values == std::vector<double>{0.5});
  CHECK(o.ties == Ties::kCount);
  CHECK(o.annotation.At(2) == Ties::kFirst);
  CHECK(o.limits.wall_s == 2);
  CHECK(o.limits.memory_mb == 512);
}

TEST_CASE("an unknown key names file, line, section and the nearest known key") {
  CHECK(Problem("seed: 1\nsearch:\n  candiates: 3\n") ==
        "c.yaml:3: unknown key 'candiates' in 'search'; did you mean 'candidates'?");
  CHECK(Problem("search: {limits: {wal_s: 3}}") ==
        "c.yaml:1: unknown key 'wal_s' in 'search.limits'; did you mean 'wall_s'?");
  CHECK(Problem("\n\nserach: {}\n") == "c.yaml:3: unknown key 'serach'; did you mean 'search'?");
  CHECK(Problem("zzzzzzzzz: 1") == "c.yaml:1: unknown key 'zzzzzzzzz'");
}

TEST_CASE("wrong types are refused with what was wanted") {
  CHECK(Problem("deterministic: 1") == "c.yaml:1: 'deterministic' must be true or false, not '1'");
  CHECK(Problem("search:\n  candidates: many\n") ==
        "c.yaml:2: 'candidates' in 'search' must be a whole number, not 'many'");
  CHECK(Problem("search: {candidates: 4.5}").find("a whole number, not '4.5'") !=
        std::string::npos);
  CHECK(Problem("search: {candidates: '4'}").find("a whole number") != std::string::npos);
  CHECK(Problem("search: {candidates: 99999999999}").find("a whole number") != std::string::npos);
  CHECK(Problem("search: {candidates: [4]}").find("not a list") != std::string::npos);
  CHECK(Problem("search: {candidates:}").find("not nothing") != std::string::npos);
  CHECK(Problem("search: {c_puct: nan}").find("a number, not 'nan'") != std::string::npos);
  CHECK(Problem("search: {c_puct: .nan}").find("a number") != std::string::npos);
  CHECK(Problem("seed: -1").find("from 0 to 2^64 - 1") != std::string::npos);
  CHECK(Problem("name: {a: 1}") == "c.yaml:1: 'name' must be text, not a section");
  CHECK(Problem("search: 3") == "c.yaml:1: 'search' must be a section of 'key: value' lines");
  CHECK(Problem("search: {rollouts: []}").find("empty list") != std::string::npos);
  CHECK(Problem("search: {files: [[a]]}").find("not a list") != std::string::npos);
  CHECK(Problem("[1, 2]") == "c.yaml:1: expected 'key: value' lines");
}

TEST_CASE("values outside their range are refused with the range") {
  CHECK(Problem("search:\n  candidates: 65\n") ==
        "c.yaml:2: 'candidates' in 'search' must be between 1 and 64, not '65'");
  CHECK(Problem("search: {c_puct: -1}") ==
        "c.yaml:1: 'c_puct' in 'search' must be at least 0, not '-1'");
  CHECK(Problem("search:\n  rollouts:\n    - 4\n    - 0\n") ==
        "c.yaml:4: 'rollouts' in 'search' must be between 1 and 1000000, not '0'");
}

TEST_CASE("a choice lists what is allowed") {
  CHECK(Problem("search: {ties: frist}") ==
        "c.yaml:1: 'ties' in 'search' must be one of first, random, count, not 'frist'; "
        "did you mean 'first'?");
  CHECK(Problem("search: {ties: [first]}").find("not a list") != std::string::npos);
  CHECK(Problem("search: {annotation: [first, last]}").find("one of first, random, count") !=
        std::string::npos);
}

TEST_CASE("a key given twice is an error, with both lines") {
  CHECK(Problem("seed: 1\nname: a\nseed: 2\n") ==
        "c.yaml:3: key 'seed' was already given at c.yaml:1");
  CHECK(Problem("search: {ties: first, ties: first}").find("already given") != std::string::npos);
}

TEST_CASE("bad YAML names the line") {
  CHECK(Problem("seed: 1\nname: [a\nsearch: }\n").rfind("c.yaml:3: bad YAML:", 0) == 0);
  CHECK(Problem("a: *nobody").rfind("c.yaml:1: bad YAML:", 0) == 0);
  CHECK(Problem("seed: 1\n---\nseed: 2\n").find("second document") != std::string::npos);
  CHECK(Problem("? [a]\n: 1\n").find("a key must be a plain word") != std::string::npos);
}

TEST_CASE("aliases cannot unfold a short file without bound") {
  std::string text = "a0: &a0 [x, x]\n";
  for (int i = 1; i < 40; ++i) {
    text += fmt::format("a{}: &a{} [*a{}, *a{}]\n", i, i, i - 1, i - 1);
  }
  CHECK(Problem(text).find("nested too deeply") != std::string::npos);
  CHECK(Problem("a: " + std::string(200, '[') + std::string(200, ']')).find("nested too deeply") !=
        std::string::npos);
}

TEST_CASE("overrides win over the file and are named in errors") {
  const Options o = Read("search:\n  candidates: 3\n  ties: random\n",
                         {"search.candidates=5", "search.limits.wall_s=1.5", "name=a=b",
                          "search.rollouts=[4, 2]", "search={candidates: 6}"});
  CHECK(o.candidates == 6);
  CHECK(o.ties == Ties::kRandom);
  CHECK(o.limits.wall_s == 1.5);
  CHECK(o.name == "a=b");
  CHECK(o.rollouts.values == std::vector<int>{4, 2});
  CHECK(Problem("", {"search.foo=3"}) == "override 'search.foo=3': unknown key 'foo' in 'search'");
  CHECK(Problem("search:\n  candidates: 3\n", {"search.candidates=0"}) ==
        "override 'search.candidates=0': 'candidates' in 'search' must be between 1 and 64, not "
        "'0'");
  CHECK(Problem("", {"serch.ties=first"}) ==
        "override 'serch.ties=first': unknown key 'serch'; did you mean 'search'?");
  CHECK(Problem("", {"search"}) == "override 'search': write it as key=value or section.key=value");
  CHECK(Problem("", {"search..ties=first"}).find("a key is empty") != std::string::npos);
  CHECK(Problem("", {"=first"}).find("a key is empty") != std::string::npos);
  CHECK(Problem("", {"name=[a"}).rfind("override 'name=[a': bad YAML:", 0) == 0);
  CHECK(Problem("", {"name.x=1"}) == "override 'name.x=1': 'name' must be text, not a section");
}

TEST_CASE("an error in the file keeps its line beside an override in the same section") {
  CHECK(Problem("search:\n  foo: 1\n", {"search.candidates=3"}) ==
        "c.yaml:2: unknown key 'foo' in 'search'");
}

TEST_CASE("layers of documents bind over each other") {
  Options o;
  for (const char* text : {"search: {candidates: 7, c_puct: 3}", "search: {candidates: 9}"}) {
    SettingsFile file(text, "layer");
    const std::unique_ptr<Settings> reader = file.Reader();
    Bind(*reader, o);
    reader->Finish();
  }
  CHECK(o.candidates == 9);
  CHECK(o.c_puct == 3);
}

TEST_CASE("Peek reads a top-level scalar, override included") {
  SettingsFile file("preset: star\nsearch: {}\n", "c.yaml");
  CHECK(file.Peek("preset") == "star");
  CHECK(file.Peek("search") == "");
  CHECK(file.Peek("absent") == "");
  file.Override("preset=tora");
  CHECK(file.Peek("preset") == "tora");
}

TEST_CASE("printed settings read back to the same values") {
  Random random(MixSeed(1, "settings"));
  for (int i = 0; i < 400; ++i) {
    Options options = RandomOptions(random);
    for (const auto comments :
         {SettingsPrinter::Comments::kWith, SettingsPrinter::Comments::kWithout}) {
      const std::string text = Print(options, comments);
      CAPTURE(text);
      CheckEqual(Read(text), options);
    }
  }
}

TEST_CASE("the printed page carries comments within a hundred columns") {
  Options options;
  const std::string text = Print(options, SettingsPrinter::Comments::kWith);
  CHECK(text.find("\n# how trees grow\nsearch:\n") != std::string::npos);
  CHECK(text.find("order of unvisited children (first | random | count)") != std::string::npos);
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = text.find('\n', from);
    CHECK(end - from <= 100);
    from = end + 1;
  }
  CHECK(Print(options, SettingsPrinter::Comments::kWithout).find('#') == std::string::npos);
}

TEST_CASE("a default outside the choices is an internal error") {
  SettingsFile file("", "c.yaml");
  const std::unique_ptr<Settings> reader = file.Reader();
  Ties ties = static_cast<Ties>(9);
  CHECK_THROWS_AS(reader->Choice("ties", ties, {{"first", Ties::kFirst}}, ""), Error);
}
