// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "control/pod_turns.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace bulkhead {
namespace {

// The pods that have a turn; those in `again` want another.
std::vector<uint16_t> Take(PodTurns& turns, const std::vector<uint16_t>& again = {}) {
  std::vector<uint16_t> order;
  turns.Run([&](uint16_t pod) {
    order.push_back(pod);
    return std::find(again.begin(), again.end(), pod) == again.end();
  });
  return order;
}

std::vector<uint16_t> Sorted(std::vector<uint16_t> pods) {
  std::sort(pods.begin(), pods.end());
  return pods;
}

TEST(PodTurns, EveryPodHasABitThatIsNotTheOthers) {
  uint64_t all = 0;
  for (uint16_t pod = 0; pod < kMaxNodePods; ++pod) {
    const uint64_t bit = PodTurns::Bit(pod);
    EXPECT_TRUE(std::has_single_bit(bit)) << pod;
    EXPECT_EQ(bit & PodTurns::kOtherBit, 0u) << pod;
    all |= bit;
  }
  EXPECT_EQ(all, ~PodTurns::kOtherBit) << "as few as possible share one";
}

TEST(PodTurns, ASignalIsATurnForThoseThatShareItsBit) {
  for (uint16_t pod = 0; pod < kMaxNodePods; ++pod) {
    PodTurns turns;
    turns.AddSignalled(PodTurns::Bit(pod));
    const std::vector<uint16_t> order = Take(turns);
    EXPECT_EQ(std::count(order.begin(), order.end(), pod), 1) << pod;
    EXPECT_LE(order.size(), kMaxNodePods / 63 + 1u);
    for (const uint16_t other : order) EXPECT_EQ(PodTurns::Bit(other), PodTurns::Bit(pod));
    EXPECT_TRUE(Take(turns).empty());
  }
}

TEST(PodTurns, AllSignalledIsATurnForAll) {
  PodTurns turns;
  turns.AddSignalled(~uint64_t{0});
  EXPECT_EQ(Take(turns).size(), kMaxNodePods);
  turns.AddSignalled(PodTurns::kOtherBit);
  EXPECT_TRUE(Take(turns).empty());
}

TEST(PodTurns, WhoIsNotDoneHasAnotherTurn) {
  PodTurns turns;
  for (const uint16_t pod : {3, 64, 127}) turns.Add(pod);
  EXPECT_EQ(Sorted(Take(turns, {64, 127})), (std::vector<uint16_t>{3, 64, 127}));
  EXPECT_EQ(Sorted(Take(turns, {127})), (std::vector<uint16_t>{64, 127}));
  EXPECT_EQ(Take(turns), std::vector<uint16_t>{127});
  EXPECT_TRUE(Take(turns).empty());
}

TEST(PodTurns, WhoIsAddedDuringATurnHasTheNext) {
  PodTurns turns;
  turns.Add(5);
  turns.Run([&](uint16_t) {
    turns.Add(6);
    return true;
  });
  EXPECT_EQ(Take(turns), std::vector<uint16_t>{6});
}

TEST(PodTurns, EverybodyIsFirstOnce) {
  PodTurns turns;
  std::vector<uint16_t> firsts;
  for (int i = 0; i < kMaxNodePods; ++i) {
    turns.AddSignalled(~uint64_t{0});
    const std::vector<uint16_t> order = Take(turns);
    ASSERT_EQ(order.size(), kMaxNodePods);
    firsts.push_back(order[0]);
  }
  firsts = Sorted(firsts);
  for (uint16_t pod = 0; pod < kMaxNodePods; ++pod) EXPECT_EQ(firsts[pod], pod);
}

}  // namespace
}  // namespace bulkhead
