#include "verify/command/protocol.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace gradus;

namespace {

CheckerRequest Request(bool with_goal = true) {
  CheckerRequest request;
  request.mode = RequestMode::kCheck;
  request.state.context = "header";
  request.state.steps = {"a", "b\n"};
  request.state.answer = "7";
  request.state.response = "so 7";
  if (with_goal) request.goal = AnswerGoal{"7"};
  return request;
}

bool Accepted(const std::string& line, bool with_goal = true) {
  return std::holds_alternative<CheckerAnswer>(ParseAnswer(line, Request(with_goal), "ab"));
}

}  // namespace

TEST_CASE("A request is one line that holds the state, the goal and the limits") {
  const std::string line = RequestLine(Request(), "ab");
  CHECK(line.find('\n') == line.size() - 1);
  const auto json = nlohmann::json::parse(line);
  CHECK(json["id"] == "ab");
  CHECK(json["mode"] == "check");
  CHECK(json["context"] == "header");
  CHECK(json["steps"] == nlohmann::json({"a", "b\n"}));
  CHECK(json["answer"] == "7");
  CHECK(json["goal"] == nlohmann::json({{"kind", "answer"}, {"expected", "7"}}));
  CHECK(json["limits"]["wall_s"] == 10);
  CHECK(json["response"] == "so 7");
  CHECK(json.size() == 8);
  CheckerRequest bare = Request(false);
  bare.mode = RequestMode::kStep;
  bare.state.answer = "\xff";
  const auto other = nlohmann::json::parse(RequestLine(bare, "ab"));
  CHECK(other["goal"].is_null());
  CHECK(other["mode"] == "step");
  CHECK(other["answer"] == "\xEF\xBF\xBD");
}

TEST_CASE("An answer is read whole") {
  const auto read = ParseAnswer(R"({"id":"ab","end":"fine","shown":"goals","judgement":"correct",)"
                                R"("reason":"proved","facts":{"n":[1,2]}})",
                                Request(), "ab");
  const auto& answer = std::get<CheckerAnswer>(read);
  CHECK(answer.end == End::kFine);
  CHECK(answer.shown == "goals");
  CHECK(answer.judgement.verdict == Verdict::kCorrect);
  CHECK(answer.judgement.reason == "proved");
  // Without a goal nothing is judged, whatever the checker says.
  const auto bare =
      ParseAnswer(R"({"id":"ab","end":"fine","judgement":"correct"})", Request(false), "ab");
  CHECK(std::get<CheckerAnswer>(bare).judgement.verdict == Verdict::kUnverifiable);
  CHECK(Accepted(R"({"id":"ab","end":"rejected"})", false));
}

TEST_CASE("What the protocol does not know is no answer") {
  CHECK(Accepted(R"({"id":"ab","end":"fine","judgement":"wrong"})"));
  CHECK(Accepted(R"({"id":"ab","end":"rejected","judgement":"wrong"})"));
  CHECK(Accepted(R"({"id":"ab","end":"forged","judgement":"wrong"})"));
  CHECK(Accepted(R"({"id":"ab","end":"limit","judgement":"unverifiable"})"));
  for (const char* line :
       {"",
        "x",
        "[]",
        "null",
        R"("fine")",
        R"({"id":"ab"})",
        R"({"id":"ab","end":"fine"})",
        R"({"end":"fine","judgement":"wrong"})",
        R"({"id":"a","end":"fine","judgement":"wrong"})",
        R"({"id":7,"end":"fine","judgement":"wrong"})",
        R"({"id":"ab","end":"ok","judgement":"wrong"})",
        R"({"id":"ab","end":"broken","judgement":"unverifiable"})",
        R"({"id":"ab","end":"fine","judgement":"yes"})",
        R"({"id":"ab","end":"fine","judgement":true})",
        R"({"id":"ab","end":"fine","judgement":"wrong","shown":7})",
        R"({"id":"ab","end":"fine","judgement":"wrong","reason":null})",
        R"({"id":"ab","end":"fine","judgement":"wrong","verdict":"wrong"})",
        R"({"id":"ab","end":"fine","judgement":"wrong","judgement":"correct"})",
        R"({"id":"ab","end":"fine","judgement":"wrong"} {})",
        R"({"id":"ab","end":"rejected","judgement":"correct"})",
        R"({"id":"ab","end":"limit","judgement":"correct"})",
        R"({"id":"ab","end":"limit","judgement":"wrong"})",
        R"({"id":"ab","end":"forged","judgement":"correct"})",
        "{\"id\":\"ab\",\"end\":\"fine\",\"judgement\":\"wrong\",\"shown\":\"\xff\"}"}) {
    CAPTURE(line);
    CHECK_FALSE(Accepted(line));
  }
  CHECK_FALSE(Accepted(std::string(100000, '[')));
}

TEST_CASE("Ids do not repeat") {
  CHECK(FreshId().size() == 32);
  CHECK(FreshId() != FreshId());
}
