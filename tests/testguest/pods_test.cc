// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Many pods with the bare test guest on one node: at once, and one after the other.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/harness/architecture.h"
#include "tests/harness/node.h"

namespace bulkhead {
namespace {

constexpr char kAllIsBack[] = "bulkhead: memory: the pods' is back, ";

std::vector<TestPod> Pods(uint16_t count, const std::string& mode) {
  std::vector<TestPod> pods;
  for (uint16_t i = 0; i < count; ++i) {
    pods.push_back({.name = "pod" + std::to_string(i), .cmdline = "testguest.mode=" + mode});
  }
  return pods;
}

class ManyPods : public testing::TestWithParam<Architecture> {};

TEST_P(ManyPods, RunAtOnceAndReturnEveryByte) {
  constexpr uint16_t kCount = kMaxNodePods;
  TestNode node({.architecture = GetParam(), .pods = Pods(kCount, "sleep"), .memory_mib = 3584});
  const auto all = [&](const auto& condition) {
    for (uint16_t i = 0; i < kCount; ++i) {
      if (!condition(node.pod(i))) return false;
    }
    return true;
  };
  ASSERT_TRUE(node.RunUntil([&] {
    return all([](const TestNode::Pod& pod) { return pod.console == "# mode sleep\n"; });
  }));
  EXPECT_EQ(node.pods_announced(), kCount);
  for (uint16_t i = 0; i < kCount; ++i) {
    EXPECT_FALSE(node.pod(i).end.has_value()) << i << ": " << node.pod(i).reason;
    node.Send(NodeFrameType::kPodStop, i);
  }
  ASSERT_TRUE(node.RunToEnd());
  EXPECT_TRUE(all([](const TestNode::Pod& pod) { return pod.end == PodEnd::kStopped; }));
  EXPECT_TRUE(SerialContains(node.machine(), kAllIsBack));
}

// Each of them makes its pod anew: process, machine, memory.
TEST_P(ManyPods, AThousandOneAfterTheOtherReturnEveryByte) {
  constexpr uint16_t kAtOnce = 4;
  TestNode node(
      {.architecture = GetParam(), .pods = Pods(kAtOnce, "poweroff"), .command_line = "stay"});
  int ended = 0;
  const auto start_again = [&] {
    for (uint16_t i = 0; i < kAtOnce; ++i) {
      if (!node.pod(i).end.has_value()) continue;
      EXPECT_EQ(node.pod(i).end, PodEnd::kPoweredOff) << node.pod(i).reason;
      if (++ended <= 1000 - kAtOnce) {
        node.StartAgain(i);
      } else {
        node.pod(i).end.reset();
      }
    }
    return ended == 1000;
  };
  ASSERT_TRUE(node.RunUntil(start_again)) << ended;
  node.Send(NodeFrameType::kNodeLeave, 0);
  ASSERT_TRUE(node.RunToEnd());
  EXPECT_TRUE(SerialContains(node.machine(), kAllIsBack));
}

TEST_P(ManyPods, MoreThanThereMayBeAreRefused) {
  TestNode node({.architecture = GetParam(), .pods = Pods(kMaxNodePods + 1, "poweroff")});
  ASSERT_TRUE(node.RunToEnd());
  EXPECT_EQ(node.node_error(), "bundle: has 129 pods; a node runs 1 to 128");
}

INSTANTIATE_TEST_SUITE_P(All, ManyPods, testing::ValuesIn(kArchitectures),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace bulkhead
