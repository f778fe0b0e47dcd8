// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_TESTS_POD_NODE_RUN_H_
#define BULKHEAD_TESTS_POD_NODE_RUN_H_

// A node in QEMU with pods whose kernel is the bare test guest (guest/testguest), and what its node
// channel said.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/harness/files.h"
#include "tests/harness/qemu.h"
#include "vmm/pod_end.h"

namespace bulkhead {

struct TestPod {
  std::string name;
  std::string mode;  // testguest.mode
};

class NodeRun {
 public:
  // Starts the node. Pods are numbered in the order of their names.
  explicit NodeRun(const std::vector<TestPod>& pods);

  QemuMachine& machine() { return *machine_; }

  struct Pod {
    std::string console;
    std::optional<PodEnd> end;
    std::string why;
  };
  // Reads what the channel said so far. Pods that said nothing are not in it.
  std::map<uint16_t, Pod> Pods() const;

  // Lets the node run until the channel has said that this pod ended. False if the deadline passes
  // or the node ends without it.
  [[nodiscard]] testing::AssertionResult RunUntilEnded(uint16_t pod,
                                                       QemuMachine::Duration deadline);

 private:
  TempDirectory directory_;
  std::optional<QemuMachine> machine_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_POD_NODE_RUN_H_
