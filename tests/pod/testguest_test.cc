// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The bare test guest on the real hypervisor, under its VMM: what it finds, and how it ends when
// it misbehaves.

#include <gtest/gtest.h>

#include <chrono>
#include <sstream>
#include <string>

#include "tests/pod/node_run.h"

namespace bulkhead {
namespace {

constexpr std::chrono::seconds kDeadline(60);

TEST(TestGuest, FindsItsPlatform) {
  NodeRun node({{"guest", "tap"}});
  ASSERT_TRUE(node.machine().RunToEnd(kDeadline));
  const NodeRun::Pod pod = node.Pods()[0];
  EXPECT_EQ(pod.end, PodEnd::kPoweredOff);
  std::istringstream lines(pod.console);
  std::string line, plan;
  int passed = 0;
  while (std::getline(lines, line)) {
    if (line.starts_with("ok ")) ++passed;
    EXPECT_FALSE(line.starts_with("not ok") || line.starts_with("Bail out!")) << line;
    if (line.starts_with("1..")) plan = line;
  }
  EXPECT_GE(passed, 50) << pod.console;
  EXPECT_EQ(plan, "1.." + std::to_string(passed)) << pod.console;
}

struct Ending {
  const char* mode;
  PodEnd end;
  const char* why;
};

class TestGuestEnding : public testing::TestWithParam<Ending> {};

// Ends with its reason, and the node ends in order after it.
TEST_P(TestGuestEnding, IsReported) {
  const Ending& expected = GetParam();
  NodeRun node({{"guest", expected.mode}});
  ASSERT_TRUE(node.machine().RunToEnd(kDeadline));
  EXPECT_EQ(node.machine().exit_status(), 0);
  const NodeRun::Pod pod = node.Pods()[0];
  EXPECT_EQ(pod.end, expected.end);
  EXPECT_NE(pod.why.find(expected.why), std::string::npos) << pod.why;
  EXPECT_EQ(pod.console.find("Bail out!"), std::string::npos) << pod.console;
  EXPECT_TRUE(SerialContains(node.machine(), "node ends"));
}

INSTANTIATE_TEST_SUITE_P(
    Modes, TestGuestEnding,
    testing::Values(
        Ending{"poweroff", PodEnd::kPoweredOff, "powered off"},
        Ending{"triple-fault", PodEnd::kGuestFault, "triple fault at 0x"},
        Ending{"jump-unmapped", PodEnd::kGuestFault, "execution at 0xe0000000, where there is no"},
        Ending{"outside-memory", PodEnd::kGuestFault, "access to 0xe0000000, where there is"},
        Ending{"hlt-cli", PodEnd::kGuestFault, "halted with interrupts off"},
        Ending{"virtq-loop", PodEnd::kGuestFault, "descriptors loop"},
        Ending{"virtq-outside", PodEnd::kGuestFault, "outside guest memory"},
        Ending{"virtq-zero", PodEnd::kGuestFault, "zero length"},
        Ending{"virtq-huge", PodEnd::kGuestFault, "past guest memory"},
        Ending{"virtq-ahead", PodEnd::kGuestFault, "runs ahead"}),
    [](const testing::TestParamInfo<Ending>& info) {
      std::string name = info.param.mode;
      for (char& c : name) {
        if (c == '-') c = '_';
      }
      return name;
    });

// A guest that never gives the processor back costs its neighbour time, not its life.
TEST(TestGuest, NeighbourOfOneThatSpins) {
  NodeRun node({{"a-spins", "spin-cli"}, {"b-checks", "tap"}});
  ASSERT_TRUE(node.RunUntilEnded(1, kDeadline));
  EXPECT_TRUE(node.machine().running());
  node.machine().Kill();
  auto pods = node.Pods();
  EXPECT_FALSE(pods[0].end.has_value()) << pods[0].why;
  EXPECT_EQ(pods[1].end, PodEnd::kPoweredOff);
  EXPECT_EQ(pods[1].console.find("not ok"), std::string::npos) << pods[1].console;
}

// A register that CPUID does not offer, but the processor gives: it must not carry anything over.
TEST(TestGuest, NeighbourLeavesNoMarks) {
  NodeRun node({{"a-marks", "mark-registers"}, {"b-finds", "find-marks"}});
  ASSERT_TRUE(node.RunUntilEnded(1, kDeadline));
  node.machine().Kill();
  auto pods = node.Pods();
  EXPECT_NE(pods[0].console.find("# marked"), std::string::npos) << pods[0].console;
  EXPECT_EQ(pods[1].end, PodEnd::kPoweredOff) << pods[1].console;
  EXPECT_NE(pods[1].console.find("found 0x0"), std::string::npos) << pods[1].console;
}

}  // namespace
}  // namespace bulkhead
