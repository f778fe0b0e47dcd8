// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// guest/testguest on the real node: the platform's checks by TAP, and guests that misbehave.

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <ostream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "cli/bochs.h"
#include "tests/harness/architecture.h"
#include "tests/harness/node.h"
#include "tests/testguest/tap.h"

namespace bulkhead {
namespace {

// What a node with the guests runs in.
struct Machine {
  const char* name;
  Architecture architecture;
  const char* bochs_cpu = "";  // empty: QEMU
};

constexpr Machine kMachines[] = {
    {"x86_64", Architecture::kX86_64},
    {"aarch64", Architecture::kAarch64},
    {"bochs", Architecture::kX86_64, kDefaultBochsCpu},
};

void PrintTo(const Machine& machine, std::ostream* out) { *out << machine.name; }

std::string NameOfMachine(const testing::TestParamInfo<Machine>& info) { return info.param.name; }

std::string Mode(const std::string& mode) { return "testguest.mode=" + mode; }

class TestGuest : public testing::TestWithParam<Machine> {
 protected:
  static Architecture Guest() { return GetParam().architecture; }
  // A node with these pods on the machine that the test is for.
  static TestNodeOptions NodeWith(std::vector<TestPod> pods) {
    return {.architecture = Guest(), .pods = std::move(pods), .bochs_cpu = GetParam().bochs_cpu};
  }
};

void RunTap(const TestNodeOptions& options) {
  TestNode node(options);
  ASSERT_TRUE(node.RunToEnd());
  EXPECT_EQ(node.pods_announced(), 1u);
  EXPECT_EQ(node.pod(0).end, PodEnd::kPoweredOff) << node.pod(0).reason;
  EXPECT_TRUE(TapPassed(LeastChecks(options.architecture), node.pod(0).console));
  EXPECT_EQ(node.node_error(), "");
}

TEST_P(TestGuest, PlatformIsAsPromised) { RunTap(NodeWith({{.name = "tap"}})); }

TEST_P(TestGuest, PlatformIsAsPromisedAfterFirmware) {
  TestNodeOptions options = NodeWith({{.name = "tap"}});
  if (!options.bochs_cpu.empty()) GTEST_SKIP() << "it has a BIOS";
  options.uefi = true;
  RunTap(options);
}

// The root pointer that the supervisor finds its console's bus by is GRUB's copy.
TEST(TestGuestOnACd, Runs) {
  TestNode node({.pods = {{.name = "short", .cmdline = Mode("poweroff")}}, .cd = true});
  ASSERT_TRUE(node.RunToEnd());
  EXPECT_EQ(node.pods_announced(), 1u);
  EXPECT_EQ(node.pod(0).end, PodEnd::kPoweredOff) << node.pod(0).reason;
  EXPECT_EQ(node.node_error(), "");
}

// Without message interrupts there is no node channel: the log says why, and what helps.
TEST(TestGuestWithoutAnIts, DirectlyRunsAndSaysWhy) {
  TestNode node({.architecture = Architecture::kAarch64,
                 .pods = {{.name = "short", .cmdline = Mode("poweroff")}},
                 .qemu_arguments = {"-machine", "its=off"}});
  ASSERT_TRUE(node.machine().RunToEnd(std::chrono::seconds(120)));
  EXPECT_TRUE(SerialContains(node.machine(), "no GICv3 ITS"));
  EXPECT_TRUE(SerialContains(node.machine(), "its=on"));
  EXPECT_TRUE(SerialContains(node.machine(), "bulkhead: pod short ended: powered off"));
}

// There QEMU's tables may list one nevertheless.
TEST(TestGuestWithoutAnIts, AfterFirmwareSaysWhy) {
  TestNode node({.architecture = Architecture::kAarch64,
                 .pods = {{.name = "short", .cmdline = Mode("poweroff")}},
                 .uefi = true,
                 .qemu_arguments = {"-machine", "its=off"}});
  ASSERT_TRUE(node.machine().RunToEnd(std::chrono::seconds(120)));
  EXPECT_TRUE(SerialContains(node.machine(), "GICv3 ITS"));
  EXPECT_TRUE(SerialContains(node.machine(), "its=on"));
}

// As for Bochs, which has no virtio; there is none here either.
TEST(TestGuestOnACd, SpeaksOverASecondUart) {
  RunTap({.pods = {{.name = "tap"}}, .cd = true, .com2 = true});
}

struct Hostile {
  std::string mode;
  std::string reason;  // what the user is told must have this in it
  PodEnd end = PodEnd::kGuestFault;
};

std::vector<Hostile> HostileModes(Architecture architecture) {
  std::vector<Hostile> all = {
      {"jump-unmapped", "0xe0000000"},
      {"outside-memory", "access to 0xe0000000, where there is neither memory nor device"},
      {"virtq-loop", "virtio: descriptors loop"},
      {"virtq-outside", "virtio: descriptor points outside guest memory"},
      {"virtq-zero", "virtio: descriptor has zero length"},
      {"virtq-huge", "virtio: descriptor length runs past guest memory"},
      {"virtq-ahead", "virtio: available index runs ahead of the queue size"},
  };
  const std::vector<Hostile> x86_64 = {
      {"triple-fault", "triple fault"},
      {"hlt-cli", "the guest halted with interrupts off"},
      {"lose-tables", "a page table at 0xe0000000, where there is no memory"},
      {"lose-stack", "an interrupt or exception delivered to 0xe00000f8, where there is no memory"},
      {"lose-gates", "an interrupt or exception delivered to 0xe0000060, where there is no memory"},
      {"stack-on-device", "an interrupt or exception delivered to 0xfec000f8"},
      {"store-vector", "access to device at 0xfec00000 by an instruction that is not emulated"},
  };
  const std::vector<Hostile> aarch64 = {
      {"lose-vectors", "execution at 0xe0000200, where there is no memory"},
      {"lose-page-table", "0xe0000"},
      {"load-pair", "access to 0xa000000, "},
      {"cpu-off", "the guest switched off its last processor"},
      {"reset", "the guest reset itself", PodEnd::kReset},
  };
  const auto& more = architecture == Architecture::kX86_64 ? x86_64 : aarch64;
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

TEST_P(TestGuest, HostileGuestsEndAlone) {
  const std::vector<Hostile> all = HostileModes(Guest());
  TestNodeOptions options = NodeWith({});
  for (const Hostile& hostile : all) {
    options.pods.push_back({.name = hostile.mode, .cmdline = Mode(hostile.mode)});
  }
  // They share the node with one that only looks at the clock, and with one that takes every cycle
  // it can get; that one lives until the others have ended.
  const auto tap = static_cast<uint16_t>(options.pods.size());
  options.pods.push_back({.name = "tap", .cmdline = kSharedNode});
  const auto spin = static_cast<uint16_t>(options.pods.size());
  options.pods.push_back({.name = "spin", .cmdline = Mode("spin-masked")});

  TestNode node(options);
  ASSERT_TRUE(node.RunUntil([&] {
    for (uint16_t i = 0; i < spin; ++i) {
      if (!node.pod(i).end.has_value()) return false;
    }
    return node.pod(spin).console == "# mode spin-masked\n";
  }));
  for (size_t i = 0; i < all.size(); ++i) {
    const TestNode::Pod& pod = node.pod(static_cast<uint16_t>(i));
    SCOPED_TRACE(all[i].mode);
    EXPECT_EQ(pod.end, all[i].end);
    EXPECT_NE(pod.reason.find(all[i].reason), std::string::npos) << pod.reason;
    EXPECT_EQ(pod.console, "# mode " + all[i].mode + "\n");
  }
  EXPECT_EQ(node.pod(tap).end, PodEnd::kPoweredOff) << node.pod(tap).reason;
  EXPECT_TRUE(TapPassed(LeastChecks(Guest()), node.pod(tap).console));

  // Interrupts are off in the last one, but not in the node.
  EXPECT_FALSE(node.pod(spin).end.has_value()) << node.pod(spin).reason;
  EXPECT_FALSE(node.node_ended());
  node.Send(NodeFrameType::kPodStop, spin);
  ASSERT_TRUE(node.RunToEnd());
  EXPECT_EQ(node.pod(spin).end, PodEnd::kStopped);
  EXPECT_EQ(node.node_error(), "");
}

// What one leaves in a register, another must not find.
TEST_P(TestGuest, GuestsDoNotDisturbEachOther) {
  const std::string shared = *GetParam().bochs_cpu != 0 ? "" : kSharedNode;
  TestNode node(NodeWith({{.name = "a", .cmdline = shared},
                          {.name = "b", .cmdline = shared},
                          {.name = "c", .cmdline = shared},
                          {.name = "d", .cmdline = shared}}));
  ASSERT_TRUE(node.RunToEnd());
  for (uint16_t i = 0; i < 4; ++i) {
    EXPECT_EQ(node.pod(i).end, PodEnd::kPoweredOff) << node.pod(i).reason;
    EXPECT_TRUE(TapPassed(LeastChecks(Guest()), node.pod(i).console));
  }
}

// On x86_64, of a register that CPUID does not offer, but the processor gives.
TEST_P(TestGuest, RegistersCarryNothingOver) {
  TestNodeOptions options = NodeWith({{.name = "marks", .cmdline = Mode("mark-registers")},
                                      {.name = "finds", .cmdline = Mode("find-marks")}});
  // PKRU: not every model has it.
  if (!options.bochs_cpu.empty()) options.bochs_cpu = "corei7_icelake_u";
  TestNode node(options);
  ASSERT_TRUE(node.RunUntil([&] { return node.pod(1).end.has_value(); }));
  EXPECT_EQ(node.pod(1).end, PodEnd::kPoweredOff) << node.pod(1).console;
  EXPECT_NE(node.pod(0).console.find("# marked"), std::string::npos) << node.pod(0).console;
  EXPECT_NE(node.pod(1).console.find("found 0x0"), std::string::npos) << node.pod(1).console;
}

// It never runs an instruction after its halt, so it is not in the guest that the node's interrupts
// come.
TEST_P(TestGuest, HaltedGuestWithATimerThatStormsLeavesTheNodeItsInterrupts) {
  TestNode node(NodeWith({{.name = "storm", .cmdline = Mode("timer-storm")}}));
  ASSERT_TRUE(
      node.RunUntil([&] { return node.pod(0).console.find("# storm\n") != std::string::npos; }));
  node.Send(NodeFrameType::kPodStop, 0);
  ASSERT_TRUE(node.RunToEnd());
  EXPECT_EQ(node.pod(0).end, PodEnd::kStopped);
}

// Guests whose processor goes nowhere, for ever on the way to an instruction.
TEST(TestGuestThatStorms, LeavesTheNodeItsInterrupts) {
  const std::vector<std::string> modes = {"debug-storm", "priority-storm"};
  TestNodeOptions options;
  for (const std::string& mode : modes) {
    options.pods.push_back({.name = mode, .cmdline = Mode(mode)});
  }
  TestNode node(options);
  for (uint16_t i = 0; i < modes.size(); ++i) {
    ASSERT_TRUE(
        node.RunUntil([&] { return node.pod(i).console.find("# storm\n") != std::string::npos; }));
  }
  for (uint16_t i = 0; i < modes.size(); ++i) node.Send(NodeFrameType::kPodStop, i);
  ASSERT_TRUE(node.RunToEnd());
  for (uint16_t i = 0; i < modes.size(); ++i) EXPECT_EQ(node.pod(i).end, PodEnd::kStopped) << i;
}

// Pods that measure what they have of the CPU, each alone or against others that want all of it.
class Shares : public testing::TestWithParam<Architecture> {
 protected:
  // The thousandths that the pods in mode "share" have, in order; the others run until then.
  static std::vector<int> Measure(std::vector<TestPod> pods) {
    // The clock counts instructions, so that nothing else on this machine is measured with them.
    TestNode node({.architecture = GetParam(),
                   .pods = pods,
                   .qemu_arguments = {"-icount", "shift=4,sleep=off"}});
    std::vector<int> shares;
    const std::string key = "# share ";
    for (uint16_t i = 0; i < pods.size(); ++i) {
      if (pods[i].cmdline != Mode("share")) continue;
      const std::string& console = node.pod(i).console;
      const auto printed = [&] {
        const size_t at = console.find(key);
        return at != std::string::npos && console.find('\n', at) != std::string::npos;
      };
      EXPECT_TRUE(node.RunUntil(printed));
      if (printed()) shares.push_back(std::stoi(console.substr(console.find(key) + key.size())));
    }
    for (uint16_t i = 0; i < pods.size(); ++i) {
      EXPECT_FALSE(node.pod(i).end.has_value()) << node.pod(i).reason;
      node.Send(NodeFrameType::kPodStop, i);
    }
    EXPECT_TRUE(node.RunToEnd());
    shares.resize(pods.size());
    return shares;
  }
};

TEST_P(Shares, GoByRequest) {
  const std::vector<int> shares =
      Measure({{.name = "two", .cmdline = Mode("share"), .config = "cpu_request=200\n"},
               {.name = "one", .cmdline = Mode("share"), .config = "cpu_request=100\n"},
               {.name = "none", .cmdline = Mode("share")}});
  EXPECT_NEAR(shares[0], 200 * 1000 / 310, 32);
  EXPECT_NEAR(shares[1], 100 * 1000 / 310, 16);
  EXPECT_NEAR(shares[2], 10 * 1000 / 310, 8);
}

TEST_P(Shares, EndAtTheLimitOnAnIdleNode) {
  const std::vector<int> shares =
      Measure({{.name = "quarter", .cmdline = Mode("share"), .config = "cpu_limit=250\n"}});
  EXPECT_NEAR(shares[0], 250, 10);
}

TEST_P(Shares, WhatALimitLeavesGoesToTheOthers) {
  const std::vector<int> shares = Measure(
      {{.name = "tenth", .cmdline = Mode("share"), .config = "cpu_request=100\ncpu_limit=100\n"},
       {.name = "rest", .cmdline = Mode("share")}});
  EXPECT_NEAR(shares[0], 100, 5);
  EXPECT_NEAR(shares[1], 900, 25);
}

// What a VMM does for its guest is the pod's time: one that does nothing but exits, with a device
// thread that is never done, takes no more than its part.
TEST_P(Shares, WorkOfTheVmmCounts) {
  const std::vector<int> shares = Measure({{.name = "measures", .cmdline = Mode("share")},
                                           {.name = "busy", .cmdline = Mode("virtq-full")}});
  EXPECT_NEAR(shares[0], 500, 25);
}

// Every byte wakes the supervisor, whose time is nobody's. It costs the other something, but not
// more than it would lose to a third pod.
TEST_P(Shares, OutputWithoutEndStarvesNobody) {
  const std::vector<int> shares = Measure({{.name = "measures", .cmdline = Mode("share")},
                                           {.name = "busy", .cmdline = Mode("chatter")}});
  EXPECT_GE(shares[0], 333);
}

INSTANTIATE_TEST_SUITE_P(All, Shares, testing::ValuesIn(kArchitectures),
                         testing::PrintToStringParamName());

TEST_P(TestGuest, NodeRunsItsFillOfPods) {
  TestNodeOptions options = NodeWith({});
  for (int i = 0; i < 16; ++i) {
    options.pods.push_back({.name = "pod" + std::to_string(i), .cmdline = Mode("poweroff")});
  }
  TestNode node(options);
  ASSERT_TRUE(node.RunToEnd());
  EXPECT_EQ(node.pods_announced(), 16u);
  for (uint16_t i = 0; i < 16; ++i) EXPECT_EQ(node.pod(i).end, PodEnd::kPoweredOff) << i;
}

TEST_P(TestGuest, WhatCannotStartIsSaid) {
  const TempDirectory directory;
  WriteFileOrDie(directory / "garbage", std::string(8192, 'x'));
  const std::string guest = ReadFileOrDie(TestGuestFile(Guest()));
  WriteFileOrDie(directory / "truncated", guest.substr(0, 40));
  TestNode node(NodeWith({{.name = "garbage", .kernel = directory / "garbage"},
                          {.name = "truncated", .kernel = directory / "truncated"},
                          {.name = "huge", .memory = uint64_t{1} << 40},
                          {.name = "tiny", .memory = 4096},
                          {.name = "good", .cmdline = Mode("poweroff")}}));
  ASSERT_TRUE(node.RunToEnd());
  for (uint16_t i = 0; i < 4; ++i) {
    EXPECT_EQ(node.pod(i).end, PodEnd::kNotStarted) << i << ": " << node.pod(i).reason;
  }
  const auto says = [&](uint16_t pod, const char* text) {
    EXPECT_NE(node.pod(pod).reason.find(text), std::string::npos) << node.pod(pod).reason;
  };
  says(0, "kernel");
  says(1, "kernel");
  says(2, "give the node more memory or the pod less");
  says(3, "needs at least 2 MiB");
  EXPECT_EQ(node.pod(4).end, PodEnd::kPoweredOff) << node.pod(4).reason;
}

// All of Bochs' models with VT-x and unrestricted guests that begin with what the hypervisor needs;
// the usual one is in kMachines.
class Models : public testing::TestWithParam<const char*> {};

TEST_P(Models, PlatformIsAsPromised) {
  RunTap({.pods = {{.name = "tap"}}, .bochs_cpu = GetParam()});
}

INSTANTIATE_TEST_SUITE_P(Bochs, Models,
                         testing::Values("corei7_haswell_4770", "corei7_ivy_bridge_3770k",
                                         "broadwell_ult", "corei3_cnl", "corei7_icelake_u",
                                         "tigerlake"),
                         [](const auto& info) { return std::string(info.param); });

// The names of the checks, in order: those that a processor cannot pass are skipped, not left out.
std::vector<std::string> Checks(const std::string& tap) {
  std::vector<std::string> checks;
  std::istringstream lines(tap);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("ok ")) checks.push_back(line.substr(0, line.find(" # SKIP")));
  }
  return checks;
}

TEST(BochsAndQemu, AgreeOnVtXAndAmdV) {
  TestNode vtx({.pods = {{.name = "tap"}}, .bochs_cpu = kDefaultBochsCpu});
  ASSERT_TRUE(vtx.RunToEnd());
  TestNode amdv({.pods = {{.name = "tap"}}});
  ASSERT_TRUE(amdv.RunToEnd());
  EXPECT_EQ(Checks(vtx.pod(0).console), Checks(amdv.pod(0).console));
  EXPECT_TRUE(SerialContains(vtx.machine(), "virtualization: VT-x\n"));
  EXPECT_TRUE(SerialContains(amdv.machine(), "virtualization: AMD-V\n"));
}

// Has VT-x, but neither that nor what it builds on.
TEST(BochsModelWithoutUnrestrictedGuests, IsRefused) {
  TestNode node({.pods = {{.name = "tap"}}, .bochs_cpu = "core2_penryn_t9600"});
  ASSERT_TRUE(node.RunToEnd());
  EXPECT_NE(node.pod(0).reason.find("cannot make a virtual machine"), std::string::npos)
      << node.pod(0).reason;
  EXPECT_TRUE(SerialContains(node.machine(), "virtualization: this processor's VT-x has no "));
}

INSTANTIATE_TEST_SUITE_P(All, TestGuest, testing::ValuesIn(kMachines), NameOfMachine);

}  // namespace
}  // namespace bulkhead
