// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_NODE_MACHINE_H_
#define BULKHEAD_CLI_NODE_MACHINE_H_

#include <chrono>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "cli/accelerator.h"
#include "cli/architecture.h"
#include "cli/options.h"
#include "cli/subprocess.h"

namespace bulkhead {

// The virtual machine in which a node runs on a developer's machine.
struct NodeMachineConfig {
  MachineKind machine = MachineKind::kQemu;
  Architecture arch = Architecture::kX86_64;
  std::string program;     // the emulator
  std::string boot_image;  // of the hypervisor, for a start without firmware, or by GRUB
  std::string bundle;      // file
  std::string command_line;
  uint32_t cpus = 1;
  uint64_t memory = 0;    // bytes, whole MiB
  std::string directory;  // ours, for the machine's files
  bool verbose = false;   // have the emulator say more
  std::string bochs_cpu;  // one of Bochs' models; empty: the usual one
  // QEMU's alone:
  Accelerator accelerator = Accelerator::kTcg;  // KVM on x86_64 only
  FirmwareKind firmware = FirmwareKind::kDirect;
  std::string loader;              // the UEFI application
  std::string firmware_directory;  // where the firmware's files are
  bool com2 = false;  // the node channel is the second UART, as Bochs'; else a virtio console
  bool gdb = false;
};

// Word of the node's command line: the channel is the second UART.
inline constexpr char kChannelOverCom2[] = "channel=com2";

// The node's memory: the pod's, the bundle (in memory once), and what hypervisor, supervisor, VMM
// and firmware need. A multiple of 1 MiB.
uint64_t NodeMemory(Architecture arch, uint64_t pod_memory, uint64_t bundle_size,
                    FirmwareKind firmware);

// Name of the emulator's program.
std::string EmulatorProgram(MachineKind machine, Architecture arch);

// Whether what the machine is made of is installed, else what to do about it.
absl::Status CheckMachine(const NodeMachineConfig& config);

// A started machine. Killed and reaped when this object ends.
struct NodeMachine {
  ChildProcess process;
  UniqueFd channel;  // the node channel; non-blocking
  UniqueFd serial;   // the first UART's output; non-blocking
  UniqueFd errors;   // the emulator's stderr; non-blocking
  const char* name = "QEMU";
  // In the line on stderr with which the emulator gives up, before what is wrong; empty: it is the
  // last line.
  const char* failure_mark = "";
  // How long a pod may take to start, and a node to power off.
  std::chrono::seconds boot_limit{180};
  std::chrono::seconds end_limit{5};
};

// Makes what the machine needs and starts it.
absl::StatusOr<NodeMachine> StartNode(const NodeMachineConfig& config, const RunContext& context);

// The descriptors of a machine that NodeMachine has the other ends of.
struct MachineOutput {
  UniqueFd ours;  // non-blocking
  UniqueFd theirs;
};
absl::StatusOr<MachineOutput> MakeOutputPipe();

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_NODE_MACHINE_H_
