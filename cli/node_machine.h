// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_NODE_MACHINE_H_
#define BULKHEAD_CLI_NODE_MACHINE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/accelerator.h"
#include "cli/options.h"
#include "cli/subprocess.h"

namespace bulkhead {

inline constexpr char kQemu[] = "qemu-system-x86_64";
inline constexpr char kFirmwareDirectory[] = "/usr/share/OVMF";  // of the package ovmf

// The virtual machine in which a node runs on a developer's machine.
struct NodeMachineConfig {
  std::string qemu;        // program; empty: kQemu
  std::string hypervisor;  // ELF, for a direct start
  std::string bundle;      // file
  std::string command_line;
  uint64_t memory = 0;  // bytes
  Accelerator accelerator = Accelerator::kTcg;
  FirmwareKind firmware = FirmwareKind::kDirect;
  std::string loader;  // bulkhead.efi, for UEFI
  std::string firmware_directory = kFirmwareDirectory;
  std::string directory;  // ours, for the machine's files
  bool gdb = false;
};

// The node's memory: the pod's, the bundle (in memory once), and what hypervisor, supervisor, VMM
// and firmware need. A multiple of 1 MiB.
uint64_t NodeMemory(uint64_t pod_memory, uint64_t bundle_size, FirmwareKind firmware);

// Whether the UEFI firmware is in `directory`, else what to do about it.
absl::Status CheckFirmware(const std::string& directory);

// Descriptors of the child for the node channel and COM1.
inline constexpr int kChannelDescriptor = 3;
inline constexpr int kSerialDescriptor = 4;

// The arguments of QEMU, [0] is the program.
std::vector<std::string> QemuArguments(const NodeMachineConfig& config);

// A started machine. Killed and reaped when this object ends.
struct NodeMachine {
  ChildProcess process;
  UniqueFd channel;  // the node channel; non-blocking
  UniqueFd serial;   // COM1's output; non-blocking
  UniqueFd errors;   // QEMU's stderr; non-blocking
};

// Makes what the firmware needs and starts QEMU.
absl::StatusOr<NodeMachine> StartNode(const NodeMachineConfig& config, const RunContext& context);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_NODE_MACHINE_H_
