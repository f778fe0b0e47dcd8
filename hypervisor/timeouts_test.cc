// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "hypervisor/timeouts.h"

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "hypervisor/testing/fake_node.h"

namespace bulkhead {
namespace {

class TimeoutsTest : public ::testing::Test {
 protected:
  Thread& Insert(uint64_t deadline) {
    threads_.push_back(std::make_unique<Thread>(nullptr, node_.root(), *node_.root().groups, 0));
    threads_.back()->deadline = deadline;
    timeouts_.Insert(*threads_.back());
    return *threads_.back();
  }

  testing::FakeNode node_{2 * testing::FakeNode::kMiB};
  Timeouts timeouts_;
  std::vector<std::unique_ptr<Thread>> threads_;
};

TEST_F(TimeoutsTest, InOrderOfTime) {
  for (const uint64_t deadline : {50, 10, 90, 30}) Insert(deadline);
  EXPECT_EQ(timeouts_.Next(), 10u);
  EXPECT_EQ(timeouts_.TakeDue(9), nullptr);
  EXPECT_EQ(timeouts_.TakeDue(60), threads_[1].get());
  EXPECT_EQ(timeouts_.TakeDue(60), threads_[3].get());
  EXPECT_EQ(timeouts_.TakeDue(60), threads_[0].get());
  EXPECT_EQ(timeouts_.TakeDue(60), nullptr);
  EXPECT_EQ(timeouts_.Next(), 90u);
}

TEST_F(TimeoutsTest, EqualTimesFirstComeFirstServed) {
  Thread& first = Insert(5);
  Thread& second = Insert(5);
  EXPECT_EQ(timeouts_.TakeDue(5), &first);
  EXPECT_EQ(timeouts_.TakeDue(5), &second);
}

TEST_F(TimeoutsTest, NeverIsNotInserted) {
  Thread& never = Insert(abi::kNever);
  EXPECT_EQ(timeouts_.Next(), abi::kNever);
  timeouts_.Remove(never);
  EXPECT_EQ(timeouts_.TakeDue(abi::kNever - 1), nullptr);
}

TEST_F(TimeoutsTest, RandomRemovals) {
  std::mt19937 random(5);
  for (int i = 0; i < 300; ++i) Insert(random() % 100);
  std::vector<Thread*> left;
  for (const auto& thread : threads_) left.push_back(thread.get());
  std::shuffle(left.begin(), left.end(), random);
  for (int i = 0; i < 150; ++i) {
    timeouts_.Remove(*left.back());
    timeouts_.Remove(*left.back());  // also when it is not in
    left.pop_back();
  }
  uint64_t before = 0;
  size_t taken = 0;
  for (;;) {
    const uint64_t next = timeouts_.Next();
    Thread* thread = timeouts_.TakeDue(1000);
    if (thread == nullptr) break;
    EXPECT_GE(next, before);
    EXPECT_NE(std::find(left.begin(), left.end(), thread), left.end());
    before = next;
    ++taken;
  }
  EXPECT_EQ(taken, left.size());
}

}  // namespace
}  // namespace bulkhead
