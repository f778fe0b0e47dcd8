// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Nodes of several processors: pods run on all of them at once, and are stopped on all of them.

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"
#include "tests/harness/node.h"
#include "tests/testguest/tap.h"

namespace bulkhead {
namespace {

std::string Mode(const std::string& mode) { return "testguest.mode=" + mode; }

class Processors : public testing::TestWithParam<std::tuple<Architecture, int>> {
 protected:
  static Architecture Machine() { return std::get<0>(GetParam()); }
  static int Count() { return std::get<1>(GetParam()); }
  static TestNodeOptions NodeWith(std::vector<TestPod> pods) {
    return {.architecture = Machine(),
            .pods = std::move(pods),
            // As the command does it (cli/qemu_machine.cc says why).
            .accelerator = Machine() == Architecture::kX86_64 ? "tcg,thread=single" : "tcg",
            .qemu_arguments = {"-smp", std::to_string(Count())}};
  }
};

TEST_P(Processors, AllRunPods) {
  // Two each, but for the largest: emulation shares what this machine has.
  const int pods = std::min(2 * Count(), 8);
  TestNodeOptions options = NodeWith({});
  // With one thread for all processors each stands still for long, which the checks of time notice.
  const bool all_checks = Machine() == Architecture::kAarch64;
  for (int i = 0; i < pods; ++i) {
    options.pods.push_back({.name = "pod" + std::to_string(i),
                            .cmdline = all_checks ? kSharedNode : Mode("poweroff")});
  }
  TestNode node(options);
  ASSERT_TRUE(node.RunToEnd());
  EXPECT_TRUE(
      SerialContains(node.machine(), "bulkhead: " + std::to_string(Count()) + " processors"));
  for (uint16_t i = 0; i < pods; ++i) {
    EXPECT_EQ(node.pod(i).end, PodEnd::kPoweredOff) << node.pod(i).reason;
    if (all_checks) EXPECT_TRUE(TapPassed(LeastChecks(Machine()), node.pod(i).console));
  }
  EXPECT_EQ(node.node_error(), "");
}

// Guests and VMMs that never leave their CPU by themselves, ended by the supervisor on the first.
TEST_P(Processors, AllCanBeStopped) {
  TestNodeOptions options = NodeWith({});
  for (int i = 0; i < Count(); ++i) {
    options.pods.push_back({.name = "spin" + std::to_string(i), .cmdline = Mode("share")});
    options.pods.push_back({.name = "busy" + std::to_string(i), .cmdline = Mode("virtq-full")});
  }
  TestNode node(options);
  const auto pods = static_cast<uint16_t>(options.pods.size());
  // Each in turn: the others go on meanwhile, and one of the first kind says so.
  for (uint16_t i = 0; i < pods; i += 2) {
    ASSERT_TRUE(
        node.RunUntil([&] { return node.pod(i).console.find("# share ") != std::string::npos; }));
  }
  for (uint16_t i = 0; i < pods; ++i) {
    EXPECT_FALSE(node.pod(i).end.has_value()) << node.pod(i).reason;
    node.Send(NodeFrameType::kPodStop, i);
    ASSERT_TRUE(node.RunUntil([&] { return node.pod(i).end.has_value(); }));
    EXPECT_EQ(node.pod(i).end, PodEnd::kStopped) << node.pod(i).reason;
  }
  ASSERT_TRUE(node.RunToEnd());
  EXPECT_EQ(node.node_error(), "");
}

INSTANTIATE_TEST_SUITE_P(
    All, Processors, testing::Combine(testing::ValuesIn(kArchitectures), testing::Values(2, 4, 8)),
    [](const auto& info) {
      return NameOf(std::get<0>(info.param)) + "_" + std::to_string(std::get<1>(info.param));
    });

}  // namespace
}  // namespace bulkhead
