// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Many pods with the bare test guest on one node: at once, and one after the other.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/harness/architecture.h"
#include "tests/harness/node.h"

namespace bulkhead {
namespace {

// What a pod may cost beyond its guest's memory, bytes.
constexpr uint64_t kMostBesideGuest = uint64_t{1} << 20;
constexpr char kAllIsBack[] = "bulkhead: memory: the pods' is back, ";

std::vector<TestPod> Pods(uint16_t count, const std::string& mode) {
  std::vector<TestPod> pods;
  for (uint16_t i = 0; i < count; ++i) {
    pods.push_back({.name = "pod" + std::to_string(i), .cmdline = "testguest.mode=" + mode});
  }
  return pods;
}

// What the supervisor logged that each pod had used beyond its guest's memory, bytes.
std::vector<uint64_t> MemoryBesideGuests(const std::string& log) {
  const std::string key = " vmm ";
  std::vector<uint64_t> all;
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("bulkhead: memory: hypervisor ")) continue;
    all.push_back(std::stoull(line.substr(line.find(key) + key.size())));
  }
  return all;
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
  const std::vector<uint64_t> memory = MemoryBesideGuests(node.machine().serial());
  ASSERT_EQ(memory.size(), kCount);
  const auto [least, most] = std::minmax_element(memory.begin(), memory.end());
  std::cout << *least << " to " << *most << " bytes beside the guest's memory\n";
  EXPECT_LE(*most, kMostBesideGuest);
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

// What it takes to make one more pod on a node on which `others` sleep, in instructions, from the
// supervisor's first to the guest's first.
uint64_t StartBeside(Architecture architecture, uint16_t others) {
  // The counter counts instructions; a tick of aarch64's are sixteen.
  const uint64_t tick = architecture == Architecture::kAarch64 ? 16 : 1;
  std::vector<TestPod> pods = Pods(others, "sleep");
  pods.push_back({.name = "last", .cmdline = "testguest.mode=poweroff"});
  TestNode node({.architecture = architecture,
                 .pods = pods,
                 .qemu_arguments = {"-icount", "shift=0,sleep=off"},
                 .command_line = "stay",
                 .memory_mib = 3584});
  const auto last_ended = [&] { return node.pod(others).end.has_value(); };
  EXPECT_TRUE(node.RunUntil([&] {
    for (uint16_t i = 0; i < others; ++i) {
      if (node.pod(i).console.empty()) return false;
    }
    return last_ended();
  }));
  const size_t lines = node.log().size();
  node.StartAgain(others);
  EXPECT_TRUE(node.RunUntil(last_ended));
  EXPECT_EQ(node.log().size(), lines + 1);
  unsigned long created = 0, vmm = 0, guest = 0;
  EXPECT_EQ(std::sscanf(node.log().back().c_str(),
                        "bulkhead: pod created at counter %lu, its vmm started at counter %lu, its "
                        "guest at %lu",
                        &created, &vmm, &guest),
            3)
      << node.log().back();
  std::cout << others << " others: " << (vmm - created) * tick << " to the VMM's first, "
            << (guest - created) * tick << " to the guest's first instruction\n";
  return (guest - created) * tick;
}

TEST_P(ManyPods, TheHundredthStartsLikeTheFirst) {
  const uint64_t first = StartBeside(GetParam(), 0);
  const uint64_t hundredth = StartBeside(GetParam(), 99);
  EXPECT_NEAR(static_cast<double>(hundredth), static_cast<double>(first),
              static_cast<double>(first) / 10);
}

INSTANTIATE_TEST_SUITE_P(All, ManyPods, testing::ValuesIn(kArchitectures),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace bulkhead
