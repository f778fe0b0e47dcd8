// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// How groups share a CPU: random mixes of groups that spin, sleep and wake, simulated on a clock of
// its own. Every mix follows from its seed.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "hypervisor/scheduler.h"
#include "hypervisor/testing/fake_node.h"

namespace bulkhead {
namespace {

// A counter of 62.5 MHz, as QEMU's for aarch64: the slowest.
constexpr uint64_t kMicrosecond = 62;
constexpr uint64_t kSlice = 625'000;
constexpr uint64_t kPeriod = Scheduler::kSlicesPerPeriod * kSlice;
// An interrupt usually comes at most so late, because somebody is in the hypervisor.
constexpr uint64_t kLateness = 20 * kMicrosecond;

// A thread that works for a while and sleeps for a while, in turn; without sleep it spins.
struct Habit {
  uint64_t work = 0;   // ticks, on average
  uint64_t sleep = 0;  // likewise; 0: spins
};

struct Worker {
  Worker(Process& process, BudgetGroup& group, uint32_t priority, Habit habit)
      : thread(nullptr, process, group, priority), habit(habit) {}

  Thread thread;
  Habit habit;
  bool awake = false;
  bool waits_for_first_run = false;
  uint64_t wakes_at = 0;
  uint64_t woke_at = 0;
  uint64_t work_left = 0;
  uint64_t longest_delay = 0;  // between waking and running
};

struct Group {
  std::unique_ptr<Process> process;
  std::unique_ptr<BudgetGroup> budget;
  uint32_t weight = 0;
  uint32_t ceiling = 0;
  std::vector<std::unique_ptr<Worker>> workers;
  uint64_t used = 0;

  bool awake() const {
    return std::any_of(workers.begin(), workers.end(), [](const auto& w) { return w->awake; });
  }
  bool spins() const {
    return std::any_of(workers.begin(), workers.end(),
                       [](const auto& w) { return w->habit.sleep == 0; });
  }
};

class Simulation : public ::testing::TestWithParam<uint32_t> {
 protected:
  Simulation() : random_(GetParam()) { scheduler_.Initialize(kSlice); }

  // Uniformly from `least` to `most`.
  uint64_t Pick(uint64_t least, uint64_t most) { return least + random_() % (most - least + 1); }

  Group& Add(uint32_t weight, uint32_t ceiling) {
    groups_.push_back(std::make_unique<Group>());
    Group& group = *groups_.back();
    group.process = std::make_unique<Process>(&node_.root(), 0, node_.node().pages, groups_.size());
    group.budget = std::make_unique<BudgetGroup>(node_.node().boot_cpu, weight);
    group.budget->SetShare(weight, ceiling);
    group.weight = weight;
    group.ceiling = ceiling;
    return group;
  }
  Worker& AddWorker(Group& group, Habit habit, uint32_t priority = 3) {
    group.workers.push_back(
        std::make_unique<Worker>(*group.process, *group.budget, priority, habit));
    Worker& worker = *group.workers.back();
    worker.wakes_at = now() + (habit.sleep == 0 ? 0 : Pick(0, habit.sleep));
    return worker;
  }
  Group& AddSpinner(uint32_t weight, uint32_t ceiling = 0) {
    Group& group = Add(weight, ceiling);
    for (uint64_t i = Pick(1, 3); i > 0; --i) AddWorker(group, {});
    return group;
  }
  // As the root task's.
  Group& AddRoot(Habit habit) {
    groups_.push_back(std::make_unique<Group>());
    Group& group = *groups_.back();
    group.process = std::make_unique<Process>(nullptr, 0, node_.node().pages, 0);
    group.budget = std::make_unique<BudgetGroup>(node_.node().boot_cpu, BudgetGroup::kFirst);
    AddWorker(group, habit, abi::kPriorities - 1);
    return group;
  }

  uint64_t& now() { return node_.machine().now; }

  void Run(uint64_t ticks) {
    const uint64_t end = now() + ticks;
    while (now() < end && !HasFailure()) Step(end);
  }

  // As EndProcess does it; then the memory goes.
  void End(size_t index) {
    for (const auto& worker : groups_[index]->workers) scheduler_.Remove(worker->thread);
    scheduler_.Forget(*groups_[index]->budget);
    groups_.erase(groups_.begin() + static_cast<std::ptrdiff_t>(index));
  }

  // From one event to the next, or to `end`.
  void Step(uint64_t end) {
    for (const auto& group : groups_) {
      for (const auto& worker : group->workers) WakeIfDue(*worker);
    }
    Thread* thread = scheduler_.Choose(now());
    Worker* runs = nullptr;
    uint64_t next = scheduler_.NextChange();
    ASSERT_GT(next, now()) << "a timer that has fired already";
    next = std::min(next, end);
    for (const auto& group : groups_) {
      for (const auto& worker : group->workers) {
        if (&worker->thread == thread) runs = worker.get();
        if (!worker->awake) next = std::min(next, worker->wakes_at);
      }
    }
    CheckChoice(runs);
    if (runs != nullptr && runs->habit.sleep != 0) next = std::min(next, now() + runs->work_left);
    const uint64_t elapsed = next - now() + (Pick(0, 3) == 0 ? Pick(0, lateness_) : 0);
    now() += elapsed;
    if (runs == nullptr) {
      idle_ += elapsed;
      return;
    }
    GroupOf(*runs).used += elapsed;
    runs->waits_for_first_run = false;
    if (runs->habit.sleep == 0) return;
    runs->work_left -= std::min(elapsed, runs->work_left);
    if (runs->work_left == 0) Sleep(*runs);
  }

  std::vector<std::unique_ptr<Group>> groups_;
  uint64_t idle_ = 0;
  uint64_t lateness_ = kLateness;

 private:
  Group& GroupOf(const Worker& worker) {
    return **std::find_if(groups_.begin(), groups_.end(), [&](const auto& group) {
      return group->process.get() == &worker.thread.process;
    });
  }
  void WakeIfDue(Worker& worker) {
    if (worker.awake || worker.wakes_at > now()) return;
    worker.awake = true;
    worker.waits_for_first_run = true;
    worker.woke_at = now();
    worker.work_left = Pick(worker.habit.work / 2, worker.habit.work * 3 / 2) + 1;
    scheduler_.MakeReady(worker.thread);
  }
  void Sleep(Worker& worker) {
    scheduler_.Remove(worker.thread);
    worker.thread.state = Thread::State::kWaiting;
    worker.awake = false;
    worker.wakes_at = now() + Pick(worker.habit.sleep / 2, worker.habit.sleep * 3 / 2) + 1;
  }
  void CheckChoice(Worker* runs) {
    for (const auto& group : groups_) {
      if (!group->awake()) continue;
      // Whoever has a ceiling may be over it.
      if (runs == nullptr) ASSERT_NE(group->ceiling, 0u) << "idle while somebody could run";
      if (group->weight == 0) ASSERT_EQ(&GroupOf(*runs), group.get()) << "the root task waits";
    }
    if (runs == nullptr) return;
    ASSERT_TRUE(runs->awake);
    for (const auto& worker : GroupOf(*runs).workers) {
      if (worker->awake) ASSERT_LE(worker->thread.priority, runs->thread.priority);
    }
    if (runs->waits_for_first_run) {
      runs->longest_delay = std::max(runs->longest_delay, now() - runs->woke_at);
    }
  }

  std::mt19937 random_;
  testing::FakeNode node_{2 * testing::FakeNode::kMiB};
  Scheduler scheduler_;
};

constexpr uint32_t kWeights[] = {10, 50, 100, 250, 300, 500, 700, 1000};

uint32_t SomeWeight(uint64_t number) { return kWeights[number % std::size(kWeights)]; }

// By weight, but nobody has more than its ceiling; what that leaves goes to the others, by weight.
TEST_P(Simulation, SpinnersShareByWeightUpToTheirCeilings) {
  for (uint64_t i = Pick(2, 8); i > 0; --i) {
    const auto ceiling = static_cast<uint32_t>(Pick(0, 2) == 0 ? Pick(20, 600) : 0);
    AddSpinner(SomeWeight(Pick(0, 100)), ceiling);
  }
  double weights = 0;       // of all
  double free_weights = 0;  // of those without a ceiling
  double least = abi::kWholeCpu;
  for (const auto& group : groups_) {
    weights += group->weight;
    if (group->ceiling == 0) free_weights += group->weight;
    least = std::min<double>(least, group->weight);
  }
  // The lightest has many turns meanwhile.
  const double time = std::max<double>(40 * kSlice * weights / least, 100 * kPeriod);
  Run(static_cast<uint64_t>(time));
  double free_time = time;
  for (const auto& group : groups_) {
    if (group->ceiling != 0) free_time -= static_cast<double>(group->used);
  }
  for (const auto& group : groups_) {
    SCOPED_TRACE(::testing::Message() << "weight " << group->weight << " of " << weights
                                      << ", ceiling " << group->ceiling);
    const auto used = static_cast<double>(group->used);
    if (group->ceiling == 0) {
      const double fair = (free_time - static_cast<double>(idle_)) * group->weight / free_weights;
      EXPECT_NEAR(used, fair, fair * 0.05);
    } else {
      const double ceiling = time * group->ceiling / abi::kWholeCpu;
      EXPECT_LE(used, ceiling * 1.02);
      EXPECT_GE(used, std::min(time * group->weight / weights, ceiling) * 0.95);
    }
  }
}

// Alone, with nobody to take the rest; even where the timer is late by more than the budget.
TEST_P(Simulation, CeilingHoldsOnAnIdleCpu) {
  lateness_ = Pick(0, 1) * kSlice / 4;
  const Group& group = AddSpinner(SomeWeight(Pick(0, 100)), static_cast<uint32_t>(Pick(20, 990)));
  constexpr uint64_t kTime = 100 * kPeriod;
  Run(kTime);
  const double most = static_cast<double>(kTime) * group.ceiling / abi::kWholeCpu;
  EXPECT_NEAR(static_cast<double>(group.used), most, most * 0.02);
}

// In no stretch of time has it more than the budgets of the periods that it touches.
TEST_P(Simulation, CeilingHoldsOfWhoSleepsToo) {
  Group& group = Add(SomeWeight(Pick(0, 100)), static_cast<uint32_t>(Pick(50, 400)));
  AddWorker(group, {.work = Pick(1, 3 * kPeriod), .sleep = Pick(1, 3 * kPeriod)});
  AddWorker(group, {.work = Pick(1, kSlice), .sleep = Pick(1, kSlice)}, 5);
  AddSpinner(SomeWeight(Pick(0, 100)));
  const uint64_t budget = kPeriod * group.ceiling / abi::kWholeCpu;
  for (int i = 0; i < 50; ++i) {
    const uint64_t periods = Pick(1, 10);
    const uint64_t before = group.used;
    Run(periods * kPeriod);
    EXPECT_LE(group.used - before, (periods + 2) * budget + kLateness);
  }
}

// Who sleeps most of the time runs as soon as it wakes, however many spin: bounded by what others
// like it do at the same time.
TEST_P(Simulation, WhoSleepsMostlyWakesAtOnce) {
  const uint64_t spinners = Pick(1, 20);
  for (uint64_t i = 0; i < spinners; ++i) AddSpinner(SomeWeight(Pick(0, 100)));
  Run((spinners + 1) * kSlice);  // they have all just woken, too
  uint64_t bound = 5 * kLateness;
  // One wakes now and then to stay: it goes first, but for no more than its credit.
  AddWorker(Add(SomeWeight(Pick(0, 100)), 0), {.work = 5 * kSlice, .sleep = 20 * kSlice});
  bound += kSlice / 4 + kLateness;
  std::vector<const Worker*> sleepers;
  for (uint64_t i = Pick(1, 4); i > 0; --i) {
    // It asks for much less than its part.
    const uint64_t work = Pick(10, 200) * kMicrosecond;
    sleepers.push_back(&AddWorker(Add(250, 0), {.work = work, .sleep = 200 * work}));
    bound += 2 * work + kLateness;
  }
  Run(300 * kSlice);
  for (const Worker* sleeper : sleepers) EXPECT_LE(sleeper->longest_delay, bound);
}

// Sleeping saves nothing up: who has slept for long has only its part after that, and who sleeps
// again and again gets no more than who spins.
TEST_P(Simulation, SleepBuysNoTime) {
  const uint32_t weight = SomeWeight(Pick(0, 100));
  const Group& spinner = AddSpinner(weight);
  Group& sleeper = Add(weight, 0);
  const uint64_t work = Pick(1, 2 * kSlice);
  AddWorker(sleeper, {.work = work, .sleep = Pick(1, work)});
  Run(100 * kSlice);
  EXPECT_LE(sleeper.used, spinner.used + 3 * kSlice);

  Group& late = Add(weight, 0);
  AddWorker(late, {});
  const uint64_t before = spinner.used;
  Run(100 * kSlice);
  EXPECT_NEAR(static_cast<double>(late.used), static_cast<double>(spinner.used - before),
              3 * kSlice);
}

// Nor does leaving before anybody could have counted: every tick is.
TEST_P(Simulation, ShortRunsAreCounted) {
  lateness_ = 0;
  const Group& spinner = AddSpinner(1000);
  Group& sleeper = Add(1000, 0);
  AddWorker(sleeper, {.work = Pick(20, 600), .sleep = Pick(1, 20)});
  Run(10 * kSlice);
  EXPECT_LE(sleeper.used, spinner.used + kSlice);
}

// Everything at once, with a root task: nobody starves, nothing idles while somebody can run, the
// accounts are right. What is to be seen of each choice, CheckChoice looks at.
TEST_P(Simulation, NobodyStarves) {
  AddRoot({.work = Pick(1, 100) * kMicrosecond, .sleep = Pick(1, 100) * 100 * kMicrosecond});
  for (uint64_t i = Pick(2, 12); i > 0; --i) {
    Group& group =
        Add(SomeWeight(Pick(0, 100)), static_cast<uint32_t>(Pick(0, 3) == 0 ? Pick(50, 900) : 0));
    for (uint64_t j = Pick(1, 4); j > 0; --j) {
      const bool spins = Pick(0, 2) == 0;
      AddWorker(group, {.work = Pick(1, 2 * kSlice), .sleep = spins ? 0 : Pick(1, 2 * kSlice)},
                static_cast<uint32_t>(Pick(1, 5)));
    }
  }
  uint64_t total = 0;
  for (const auto& group : groups_) total += group->weight;
  std::vector<uint64_t> before(groups_.size(), 0);
  const uint64_t begin = now();
  for (int i = 0; i < 20; ++i) {
    // Time for everybody's turn, even for those with the least weight.
    Run(2 * kSlice * (total / 10 + groups_.size()));
    for (size_t g = 0; g < groups_.size(); ++g) {
      EXPECT_GT(groups_[g]->used, before[g])
          << "group " << g << " of weight " << groups_[g]->weight;
      before[g] = groups_[g]->used;
    }
  }
  uint64_t used = idle_;
  for (const auto& group : groups_) {
    used += group->used;
    // To the last switch.
    EXPECT_NEAR(static_cast<double>(group->budget->used()), static_cast<double>(group->used),
                kPeriod);
  }
  EXPECT_EQ(used, now() - begin);
}

// A process ends while its group runs, waits or is parked; nothing of it is left in the scheduler.
TEST_P(Simulation, GroupsCanEndAtAnyTime) {
  for (uint64_t i = Pick(3, 8); i > 0; --i) {
    AddSpinner(SomeWeight(Pick(0, 100)), static_cast<uint32_t>(Pick(0, 1) * Pick(50, 400)));
  }
  while (!groups_.empty()) {
    Run(Pick(0, 3 * kPeriod));
    End(Pick(0, groups_.size() - 1));
  }
  AddSpinner(100);
  const uint64_t idle = idle_;
  Run(kPeriod);
  EXPECT_EQ(idle_, idle);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Simulation, ::testing::Range(0u, 200u));

}  // namespace
}  // namespace bulkhead
