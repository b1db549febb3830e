// The main function of every test program, and how a test that lacks what it needs is told from one
// that passed: it says MESSAGE("skipped: why") and returns.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <cstdio>
#include <string_view>

namespace {

// Counts the skipped test cases of a run. cmake/AddTest.cmake looks for the last line of one in
// which nothing else happened.
class SkippedCases final : public doctest::IReporter {
 public:
  explicit SkippedCases(const doctest::ContextOptions&) {}
  void test_case_start(const doctest::TestCaseData&) override { skips_ = false; }
  void log_message(const doctest::MessageData& message) override {
    skips_ = skips_ || std::string_view(message.m_string.c_str()).starts_with("skipped: ");
  }
  void test_case_end(const doctest::CurrentTestCaseStats&) override { skipped_ += skips_; }
  void test_run_end(const doctest::TestRunStats& stats) override {
    if (skipped_ == 0) return;
    const bool all = skipped_ == stats.numTestCasesPassingFilters && stats.numTestCasesFailed == 0;
    std::printf("%s%u of %u test cases were skipped\n", all ? "nothing ran: " : "", skipped_,
                stats.numTestCasesPassingFilters);
  }

  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}

 private:
  bool skips_ = false;
  unsigned skipped_ = 0;
};

REGISTER_LISTENER("skipped cases", 1, SkippedCases);

}  // namespace
