// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_NODE_MACHINE_H_
#define BULKHEAD_CLI_NODE_MACHINE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/accelerator.h"
#include "cli/architecture.h"
#include "cli/options.h"
#include "cli/subprocess.h"

namespace bulkhead {

// The virtual machine in which a node runs on a developer's machine.
struct NodeMachineConfig {
  Architecture arch = Architecture::kX86_64;
  std::string qemu;        // program
  std::string boot_image;  // of the hypervisor, for a direct start
  std::string bundle;      // file
  std::string command_line;
  uint64_t memory = 0;                          // bytes
  Accelerator accelerator = Accelerator::kTcg;  // KVM on x86_64 only
  FirmwareKind firmware = FirmwareKind::kDirect;
  std::string loader;              // the UEFI application
  std::string firmware_directory;  // where the firmware's files are
  std::string directory;           // ours, for the machine's files
  bool gdb = false;
};

// The node's memory: the pod's, the bundle (in memory once), and what hypervisor, supervisor, VMM
// and firmware need. A multiple of 1 MiB.
uint64_t NodeMemory(Architecture arch, uint64_t pod_memory, uint64_t bundle_size,
                    FirmwareKind firmware);

// Whether the UEFI firmware is in its directory, else what to do about it.
absl::Status CheckFirmware(const NodeMachineConfig& config);
// That QEMU is not installed, and what to do about it.
absl::Status NoQemu(const NodeMachineConfig& config);

// Descriptors of the child for the node channel and the first serial port.
inline constexpr int kChannelDescriptor = 3;
inline constexpr int kSerialDescriptor = 4;

// The arguments of QEMU, [0] is the program.
std::vector<std::string> QemuArguments(const NodeMachineConfig& config);

// A started machine. Killed and reaped when this object ends.
struct NodeMachine {
  ChildProcess process;
  UniqueFd channel;  // the node channel; non-blocking
  UniqueFd serial;   // the serial port's output; non-blocking
  UniqueFd errors;   // QEMU's stderr; non-blocking
};

// Makes what the firmware needs and starts QEMU.
absl::StatusOr<NodeMachine> StartNode(const NodeMachineConfig& config, const RunContext& context);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_NODE_MACHINE_H_
