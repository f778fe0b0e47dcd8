// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "hypervisor/scheduler.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "hypervisor/testing/fake_node.h"

namespace bulkhead {
namespace {

constexpr uint64_t kSlice = 100;

// The threads of one group; several groups are in scheduler_share_test.cc.
class SchedulerTest : public ::testing::Test {
 protected:
  SchedulerTest() { scheduler_.Initialize(kSlice); }

  Thread& Make(uint32_t priority) {
    threads_.push_back(std::make_unique<Thread>(nullptr, process_, group_, priority));
    return *threads_.back();
  }
  Thread& MakeReady(uint32_t priority) {
    Thread& thread = Make(priority);
    scheduler_.MakeReady(thread);
    return thread;
  }
  // As a thread that waits.
  void Stop(Thread& thread) {
    scheduler_.Remove(thread);
    thread.state = Thread::State::kWaiting;
  }

  testing::FakeNode node_{2 * testing::FakeNode::kMiB};
  Process process_{&node_.root(), 0, node_.node().pages, 1};
  BudgetGroup group_{node_.node().boot_cpu, abi::kDefaultWeight};
  Scheduler scheduler_;
  std::vector<std::unique_ptr<Thread>> threads_;
};

TEST_F(SchedulerTest, NothingToRun) {
  EXPECT_EQ(scheduler_.Choose(0), nullptr);
  EXPECT_EQ(scheduler_.NextChange(), abi::kNever);
}

TEST_F(SchedulerTest, SettledUntilSomethingChanges) {
  EXPECT_FALSE(scheduler_.settled()) << "nothing was chosen yet";
  Thread& first = MakeReady(2);
  EXPECT_EQ(scheduler_.Choose(0), &first);
  EXPECT_TRUE(scheduler_.settled());
  Thread& second = MakeReady(1);
  EXPECT_FALSE(scheduler_.settled()) << "a thread became ready, if only a lesser one";
  EXPECT_EQ(scheduler_.Choose(0), &first);
  EXPECT_TRUE(scheduler_.settled());
  scheduler_.Unsettle();
  EXPECT_FALSE(scheduler_.settled()) << "time has passed";
  EXPECT_EQ(scheduler_.Choose(0), &first);
  Stop(second);
  EXPECT_FALSE(scheduler_.settled()) << "a thread that was ready is not any more";
  EXPECT_EQ(scheduler_.Choose(0), &first);
  Stop(first);
  EXPECT_FALSE(scheduler_.settled()) << "the running thread stopped";
  EXPECT_EQ(scheduler_.Choose(0), nullptr);
}

TEST_F(SchedulerTest, HighestPriorityFirst) {
  for (uint32_t priority = 0; priority < abi::kPriorities; ++priority) MakeReady(priority);
  for (int priority = abi::kPriorities - 1; priority >= 0; --priority) {
    EXPECT_EQ(scheduler_.Choose(0), threads_[priority].get());
    EXPECT_EQ(scheduler_.current(), threads_[priority].get());
    Stop(*threads_[priority]);
  }
  EXPECT_EQ(scheduler_.Choose(0), nullptr);
}

TEST_F(SchedulerTest, EqualPrioritiesInTurn) {
  for (int i = 0; i < 3; ++i) MakeReady(2);
  for (uint64_t turn = 0; turn < 9; ++turn) {
    Thread* expected = threads_[turn % 3].get();
    EXPECT_EQ(scheduler_.Choose(turn * kSlice), expected);
    EXPECT_EQ(scheduler_.Choose(turn * kSlice + kSlice - 1), expected);
    EXPECT_EQ(scheduler_.NextChange(), (turn + 1) * kSlice);
  }
}

TEST_F(SchedulerTest, AloneItNeedsNoTimer) {
  Thread& alone = MakeReady(2);
  EXPECT_EQ(scheduler_.Choose(0), &alone);
  EXPECT_EQ(scheduler_.NextChange(), abi::kNever);
  MakeReady(1);
  EXPECT_EQ(scheduler_.Choose(10 * kSlice), &alone);
  EXPECT_EQ(scheduler_.NextChange(), abi::kNever);
}

TEST_F(SchedulerTest, WakingPreemptsAtOnceAndTheOtherGoesOnWithTheRest) {
  Thread& first = MakeReady(2);
  Thread& second = MakeReady(2);
  EXPECT_EQ(scheduler_.Choose(0), &first);
  Thread& urgent = MakeReady(5);
  EXPECT_EQ(scheduler_.Choose(30), &urgent);
  Stop(urgent);
  EXPECT_EQ(scheduler_.Choose(50), &first);
  EXPECT_EQ(scheduler_.NextChange(), 50 + kSlice - 30);
  EXPECT_EQ(scheduler_.Choose(50 + kSlice - 30), &second);
}

// A thread that is pushed aside again and again must not keep its equals waiting.
TEST_F(SchedulerTest, FrequentPreemptionDoesNotStarveEquals) {
  Thread& first = MakeReady(2);
  Thread& second = MakeReady(2);
  Thread& urgent = Make(5);
  uint64_t ran[2] = {};
  for (uint64_t now = 0; now < 100 * kSlice; now += kSlice / 2) {
    scheduler_.MakeReady(urgent);
    ASSERT_EQ(scheduler_.Choose(now), &urgent);
    Stop(urgent);
    Thread* chosen = scheduler_.Choose(now);
    ASSERT_TRUE(chosen == &first || chosen == &second);
    ++ran[chosen == &second];
  }
  EXPECT_NEAR(static_cast<double>(ran[0]), static_cast<double>(ran[1]), 2);
}

TEST_F(SchedulerTest, WhoHasWaitedGoesToTheEnd) {
  Thread& first = MakeReady(2);
  Thread& second = MakeReady(2);
  EXPECT_EQ(scheduler_.Choose(0), &first);
  Stop(first);
  scheduler_.MakeReady(first);
  EXPECT_EQ(scheduler_.Choose(0), &second);
  EXPECT_EQ(scheduler_.Choose(kSlice), &first);
}

TEST_F(SchedulerTest, RemovedThreadsDoNotRun) {
  Thread& first = MakeReady(2);
  Thread& second = MakeReady(2);
  Thread& third = MakeReady(2);
  Stop(second);
  EXPECT_EQ(scheduler_.Choose(0), &first);
  Stop(first);
  EXPECT_EQ(scheduler_.current(), nullptr);
  EXPECT_EQ(scheduler_.Choose(0), &third);
  Stop(third);
  EXPECT_EQ(scheduler_.Choose(0), nullptr);
}

// Random threads for a while: the choice is always of the highest priority that is ready, the CPU
// is never idle while somebody is, and nobody waits for more than a slice of each of its equals.
class SchedulerSimulation : public SchedulerTest, public ::testing::WithParamInterface<int> {};

TEST_P(SchedulerSimulation, StrictWorkConservingAndFair) {
  std::mt19937 random(static_cast<uint32_t>(GetParam()));
  constexpr uint64_t kLongestTick = kSlice / 3;
  const size_t count = 2 + random() % 10;
  const uint32_t priorities = 1 + random() % abi::kPriorities;
  std::vector<bool> ready(count, false);
  std::vector<uint64_t> passed_over(count, 0);  // time its equals ran while it was ready
  for (size_t i = 0; i < count; ++i) Make(random() % priorities);
  uint64_t now = 0;
  for (int step = 0; step < 4000; ++step) {
    for (int change = random() % 3; change > 0; --change) {
      const size_t i = random() % count;
      if (!ready[i]) {
        scheduler_.MakeReady(*threads_[i]);
      } else if (random() % 3 == 0) {
        Stop(*threads_[i]);
      } else {
        continue;
      }
      ready[i] = !ready[i];
      passed_over[i] = 0;
    }
    Thread* chosen = scheduler_.Choose(now);
    int highest = -1;
    for (size_t i = 0; i < count; ++i) {
      if (ready[i]) highest = std::max(highest, static_cast<int>(threads_[i]->priority));
    }
    ASSERT_EQ(chosen == nullptr, highest < 0);
    const uint64_t tick = 1 + random() % kLongestTick;
    if (chosen != nullptr) {
      ASSERT_EQ(static_cast<int>(chosen->priority), highest);
      for (size_t i = 0; i < count; ++i) {
        if (threads_[i].get() == chosen) {
          ASSERT_TRUE(ready[i]);
          passed_over[i] = 0;
        } else if (ready[i] && threads_[i]->priority == chosen->priority) {
          passed_over[i] += tick;
          const auto equals = std::count_if(threads_.begin(), threads_.end(), [&](const auto& t) {
            return t->priority == chosen->priority;
          });
          ASSERT_LE(passed_over[i], static_cast<uint64_t>(equals) * (kSlice + kLongestTick));
        }
      }
    }
    now += tick;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, SchedulerSimulation, ::testing::Range(0, 100));

}  // namespace
}  // namespace bulkhead
