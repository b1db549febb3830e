#include "orchestrator/cluster/dispatcher.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "schemas/base/seed.h"

namespace gradus {
namespace {

std::vector<Key> Keys(std::uint32_t count) {
  std::vector<Key> keys;
  for (std::uint32_t i = 0; i < count; ++i) keys.push_back({1, Phase::kRollout, i, 0});
  return keys;
}

Dispatcher MakeDispatcher(std::uint32_t keys, std::vector<int> workers, DispatcherOptions options) {
  Dispatcher dispatcher(Keys(keys), options);
  for (const int worker : workers) dispatcher.AddWorker(worker);
  return dispatcher;
}

std::vector<std::uint32_t> Problems(const std::vector<Grant>& grants) {
  std::vector<std::uint32_t> problems;
  for (const Grant& grant : grants) problems.push_back(grant.key.problem);
  return problems;
}

using List = std::vector<std::uint32_t>;

TEST_CASE("keys are handed out in order and up to the credits") {
  auto d = MakeDispatcher(100, {1, 2}, {.leases_per_worker = 3});
  CHECK(Problems(d.GrantTo(1, 0)) == List{0, 1, 2});
  CHECK(Problems(d.GrantTo(2, 0)) == List{3, 4, 5});
  CHECK(d.GrantTo(1, 0).empty());
  CHECK(d.GrantTo(7, 0).empty());
}

TEST_CASE("a small phase is shared evenly, whoever comes first") {
  auto d = MakeDispatcher(10, {1, 2, 3, 4}, {.leases_per_worker = 48});
  CHECK(d.GrantTo(1, 0).size() == 3);
  CHECK(d.GrantTo(2, 0).size() == 3);
  CHECK(d.GrantTo(3, 0).size() == 3);
  CHECK(d.GrantTo(4, 0).size() == 1);
}

TEST_CASE("the first result of a key counts and later ones are recognised") {
  auto d = MakeDispatcher(2, {1, 2}, {.leases_per_worker = 1});
  const Grant first = d.GrantTo(1, 0).at(0);
  const Grant second = d.GrantTo(2, 0).at(0);
  CHECK(d.Accept(1, first.lease, first.key) == Acceptance::kFirst);
  CHECK(d.Accept(1, first.lease, first.key) == Acceptance::kDuplicate);
  CHECK(d.Accept(1, 99, Key{9, Phase::kRollout, 0, 0}) == Acceptance::kStale);
  CHECK(d.Accept(3, second.lease, second.key) == Acceptance::kStale);
  CHECK_FALSE(d.Done());
  CHECK(d.Accept(2, second.lease, second.key) == Acceptance::kFirst);
  CHECK(d.Done());
}

TEST_CASE("the keys of a removed worker come next, in their order") {
  auto d = MakeDispatcher(9, {1, 2, 3}, {.leases_per_worker = 3});
  const auto lost = d.GrantTo(1, 0);
  CHECK(d.RemoveWorker(1) == 3);
  CHECK(d.RemoveWorker(1) == 0);
  CHECK(Problems(d.GrantTo(2, 0)) == List{0, 1, 2});
  CHECK(d.Accept(1, lost[0].lease, lost[0].key) == Acceptance::kStale);
  CHECK(d.Fail(1, lost[0].lease, lost[0].key) == Failure::kStale);
  CHECK(d.GrantTo(1, 0).empty());
}

TEST_CASE("a key that fails max_failures times is abandoned") {
  auto d = MakeDispatcher(1, {1}, {.leases_per_worker = 1, .max_failures = 3});
  for (int failure = 1; failure <= 3; ++failure) {
    const Grant grant = d.GrantTo(1, 0).at(0);
    CHECK(d.Fail(1, grant.lease, grant.key) ==
          (failure < 3 ? Failure::kRequeued : Failure::kAbandoned));
    CHECK(d.Fail(1, grant.lease, grant.key) == Failure::kStale);
  }
  CHECK(d.Done());
  CHECK(d.GrantTo(1, 0).empty());
}

TEST_CASE("an old lease ends, its key is tried again, and a late result still counts") {
  auto d = MakeDispatcher(1, {1, 2}, {.leases_per_worker = 1, .lease_s = 10, .max_failures = 3});
  const Grant late = d.GrantTo(1, 100).at(0);
  CHECK(d.Expire(110).empty());
  const auto expired = d.Expire(110.5);
  REQUIRE(expired.size() == 1);
  CHECK(expired[0].grant.lease == late.lease);
  CHECK_FALSE(expired[0].abandoned);
  const Grant again = d.GrantTo(2, 111).at(0);
  CHECK(again.lease != late.lease);
  CHECK(d.Accept(1, late.lease, late.key) == Acceptance::kFirst);
  CHECK(d.Accept(2, again.lease, again.key) == Acceptance::kDuplicate);
}

TEST_CASE("a key that never comes back is abandoned in the end") {
  auto d = MakeDispatcher(1, {1}, {.leases_per_worker = 1, .lease_s = 10, .max_failures = 2});
  d.GrantTo(1, 0);
  CHECK_FALSE(d.Expire(11).at(0).abandoned);
  d.GrantTo(1, 11);
  CHECK(d.Expire(22).at(0).abandoned);
  CHECK(d.Done());
}

TEST_CASE("an idle worker at the tail gets the oldest open key, once per key") {
  auto d = MakeDispatcher(4, {1, 2, 3}, {.leases_per_worker = 2});
  const auto slow = d.GrantTo(1, 0);
  const auto fast = d.GrantTo(2, 1);
  for (const Grant& grant : fast) d.Accept(2, grant.lease, grant.key);
  const auto second = d.GrantTo(2, 2);
  REQUIRE(Problems(second) == List{0});
  CHECK(d.GrantTo(2, 2).empty());
  CHECK(Problems(d.GrantTo(3, 2)) == List{1});
  CHECK(d.Accept(2, second[0].lease, second[0].key) == Acceptance::kFirst);
  CHECK(d.GrantTo(2, 3).empty());
  CHECK(d.Accept(1, slow[0].lease, slow[0].key) == Acceptance::kDuplicate);
  CHECK(d.Accept(1, slow[1].lease, slow[1].key) == Acceptance::kFirst);
  CHECK(d.Done());
}

TEST_CASE("the oldest open lease is known") {
  auto d = MakeDispatcher(2, {1, 2}, {.leases_per_worker = 1});
  CHECK_FALSE(d.Oldest());
  const Grant first = d.GrantTo(1, 5).at(0);
  d.GrantTo(2, 6);
  CHECK(d.Oldest()->grant.worker == 1);
  CHECK(d.Oldest()->since == 5);
  d.Accept(1, first.lease, first.key);
  CHECK(d.Oldest()->grant.worker == 2);
}

// Random workers that are slow, die, come back late, fail and repeat themselves.
class Storm {
 public:
  explicit Storm(Seed seed)
      : random_(seed),
        dispatcher_(Keys(static_cast<std::uint32_t>(1 + random_.Below(60))),
                    {.leases_per_worker = static_cast<int>(1 + random_.Below(6)),
                     .lease_s = 5,
                     .max_failures = 3}) {
    const int workers = static_cast<int>(1 + random_.Below(5));
    for (int worker = 1; worker <= workers; ++worker) Join();
  }

  // The history of the run, one line an event.
  std::string Run() {
    for (int step = 0; !dispatcher_.Done(); ++step) {
      REQUIRE(step < 200000);
      now_ += random_.Uniform();
      Act(random_.Below(100));
    }
    return history_;
  }
  void CheckThatEachKeyWasSettledOnce() const {
    CHECK(settled_.size() == dispatcher_.total());
    for (const auto& [key, times] : settled_) CHECK(times == 1);
  }

 private:
  void Join() {
    living_.push_back(next_worker_);
    dispatcher_.AddWorker(next_worker_++);
  }
  int Somebody() { return living_[random_.Below(living_.size())]; }

  void Act(std::uint64_t dice) {
    if (dice < 40) {
      Take();
    } else if (dice < 75) {
      Answer();
    } else if (dice < 85) {
      FailOne();
    } else if (dice < 90) {
      Repeat();
    } else if (dice < 93) {
      Die();
    } else {
      Expire();
    }
  }
  void Take() {
    const int worker = Somebody();
    for (const Grant& grant : dispatcher_.GrantTo(worker, now_)) {
      CHECK(grant.worker == worker);
      CHECK(settled_[grant.key] == 0);
      out_.push_back(grant);
      history_ += fmt::format("{} takes {}\n", worker, ToString(grant.key));
    }
  }
  // Any lease ever given may be answered, also of the dead and the expired.
  void Answer() {
    if (out_.empty()) return;
    const std::size_t i = random_.Below(out_.size());
    const Grant grant = out_[i];
    out_.erase(out_.begin() + static_cast<std::ptrdiff_t>(i));
    answered_.push_back(grant);
    Deliver(grant);
  }
  void Deliver(const Grant& grant) {
    const Acceptance acceptance = dispatcher_.Accept(grant.worker, grant.lease, grant.key);
    const bool alive = std::count(living_.begin(), living_.end(), grant.worker) > 0;
    const bool open = settled_[grant.key] == 0;
    CHECK(acceptance == (!alive ? Acceptance::kStale
                         : open ? Acceptance::kFirst
                                : Acceptance::kDuplicate));
    if (acceptance == Acceptance::kFirst) Settle(grant.key, "accepted");
  }
  void FailOne() {
    if (out_.empty()) return;
    const std::size_t i = random_.Below(out_.size());
    const Grant grant = out_[i];
    out_.erase(out_.begin() + static_cast<std::ptrdiff_t>(i));
    if (dispatcher_.Fail(grant.worker, grant.lease, grant.key) == Failure::kAbandoned) {
      Settle(grant.key, "abandoned");
    }
  }
  void Repeat() {
    if (!answered_.empty()) Deliver(answered_[random_.Below(answered_.size())]);
  }
  void Die() {
    const int worker = Somebody();
    std::erase(living_, worker);
    history_ += fmt::format("{} dies with {}\n", worker, dispatcher_.RemoveWorker(worker));
    if (living_.empty()) Join();
  }
  void Expire() {
    for (const ExpiredLease& expired : dispatcher_.Expire(now_)) {
      if (expired.abandoned) Settle(expired.grant.key, "abandoned");
    }
  }
  void Settle(const Key& key, const char* how) {
    ++settled_[key];
    history_ += fmt::format("{} {}\n", ToString(key), how);
  }

  Random random_;
  double now_ = 0;
  int next_worker_ = 1;
  std::vector<int> living_;
  Dispatcher dispatcher_;
  std::vector<Grant> out_, answered_;
  std::map<Key, int> settled_;
  std::string history_;
};

TEST_CASE("whatever happens, every key is settled exactly once, and always the same way") {
  for (Seed seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    Storm storm(seed);
    const std::string history = storm.Run();
    storm.CheckThatEachKeyWasSettledOnce();
    CHECK(Storm(seed).Run() == history);
  }
}

}  // namespace
}  // namespace gradus
