// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_TESTS_HARNESS_NODE_H_
#define BULKHEAD_TESTS_HARNESS_NODE_H_

// A node in QEMU or Bochs, with the test at the other end of its node channel:
//
//   TestNode node({.architecture = GetParam(), .pods = {{.name = "a"}}});
//   ASSERT_TRUE(node.RunUntil([&] { return node.pod(0).end.has_value(); }));
//   ASSERT_TRUE(node.RunToEnd());

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/node_decoder.h"
#include "tests/harness/architecture.h"
#include "tests/harness/files.h"
#include "tests/harness/machine_process.h"

namespace bulkhead {

// guest/testguest, as a kernel of the architecture; the node's own programs are in its Facts.
std::string TestGuestFile(Architecture architecture);

struct TestPod {
  std::string name;
  std::string cmdline = {};
  uint64_t memory = uint64_t{20} << 20;  // bytes; the x86_64 test guest lies above 16 MiB
  std::string kernel = {};               // file; empty: the test guest
  std::string config = {};               // more lines of boot/pod_config.h
};

// A bundle with these pods, each with a debug UART, and the node's programs.
std::string MakeTestBundle(Architecture architecture, const std::vector<TestPod>& pods);

struct TestNodeOptions {
  Architecture architecture = Architecture::kX86_64;
  std::vector<TestPod> pods = {};
  std::string bundle = {};  // bytes; empty: made from `pods`
  bool uefi = false;        // through firmware
  bool cd = false;          // by GRUB from a CD, x86_64 only; neither: the hypervisor directly
  bool com2 = false;        // the node channel over COM2, x86_64 only; else the virtio console
  // In Bochs with this processor, from a CD and over COM2, x86_64 only; empty: in QEMU.
  std::string bochs_cpu = {};
  std::string accelerator = "tcg";  // as QEMU's -accel takes it
  std::vector<std::string> qemu_arguments = {};
  // Words for the hypervisor's command line; in QEMU, directly.
  std::string command_line = {};
  int memory_mib = 512;  // in QEMU
  // For each wait. Far beyond what any step takes on a busy machine: reached only when something
  // hangs.
  std::chrono::seconds patience{120};
};

class TestNode : private NodeFrameHandler {
 public:
  // What the node has said about one pod.
  struct Pod {
    std::string console;
    std::optional<PodEnd> end;
    std::string reason;
  };

  explicit TestNode(const TestNodeOptions& options);
  ~TestNode() override;

  // Takes what comes from the node until `condition` holds. False if the node ends before, if the
  // channel is broken, or when the patience ends.
  [[nodiscard]] testing::AssertionResult RunUntil(const std::function<bool()>& condition);
  // Until the machine has powered off.
  [[nodiscard]] testing::AssertionResult RunToEnd();

  void Send(NodeFrameType type, uint16_t pod, const std::string& payload = "");
  // Has a pod that has ended started again; what is known of it is forgotten.
  void StartAgain(uint16_t pod);

  Pod& pod(uint16_t index) { return pods_[index]; }
  std::optional<uint32_t> pods_announced() const { return hello_; }
  bool node_ended() const { return node_ended_; }
  const std::string& node_error() const { return node_error_; }
  // The lines of VMMs, as they come; those of supervisor and hypervisor are the UART's.
  const std::vector<std::string>& log() const { return log_; }
  MachineProcess& machine() { return *machine_; }
  const MachineProcess& machine() const { return *machine_; }

 private:
  std::string MakeCd(const TestNodeOptions& options) const;
  void StartInBochs(const TestNodeOptions& options);
  void StartInQemu(const TestNodeOptions& options);
  void SendAll(const std::string& frame);
  void OnNodeHello(uint32_t version, uint32_t pods) override;
  void OnAgentOutput(uint16_t pod, std::span<const std::byte> bytes) override;
  void OnConsole(uint16_t pod, std::span<const std::byte> bytes) override;
  void OnLog(uint16_t pod, const std::string& line) override;
  void OnAgentCredit(uint16_t pod, uint32_t bytes) override;
  void OnPodEnded(uint16_t pod, PodEnd end, const std::string& text) override;
  void OnStats(const NodeStats&, std::span<const PodStats>) override {}
  void OnNodeEnded() override { node_ended_ = true; }
  void OnNodeError(const std::string& text) override { node_error_ = text; }

  testing::AssertionResult Failure(const std::string& what);

  TempDirectory directory_;
  NodeFrameDecoder decoder_;
  std::map<uint16_t, Pod> pods_;
  std::optional<uint32_t> hello_;
  std::string node_error_;
  std::vector<std::string> log_;
  bool node_ended_ = false;
  int channel_ = -1;
  const std::chrono::seconds patience_;
  std::unique_ptr<MachineProcess> machine_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_HARNESS_NODE_H_
