// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_QEMU_MACHINE_H_
#define BULKHEAD_CLI_QEMU_MACHINE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/node_machine.h"

namespace bulkhead {

// Descriptors of the child for the node channel and the first serial port.
inline constexpr int kChannelDescriptor = 3;
inline constexpr int kSerialDescriptor = 4;

// Whether QEMU is there, and the UEFI firmware if that is wanted, else what to do about it.
absl::Status CheckQemu(const NodeMachineConfig& config);

// The arguments of QEMU, [0] is the program.
std::vector<std::string> QemuArguments(const NodeMachineConfig& config);

// Makes what the firmware needs and starts QEMU.
absl::StatusOr<NodeMachine> StartQemu(const NodeMachineConfig& config, const RunContext& context);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_QEMU_MACHINE_H_
