// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_BOCHS_MACHINE_H_
#define BULKHEAD_CLI_BOCHS_MACHINE_H_

#include "absl/status/statusor.h"
#include "cli/node_machine.h"

namespace bulkhead {

// Whether Bochs and what makes a CD for it are there, and whether it can have so much memory, else
// what to do about it.
absl::Status CheckBochs(const NodeMachineConfig& config);

// Makes a CD with the node and starts Bochs with it. The node channel is its second UART.
absl::StatusOr<NodeMachine> StartBochs(const NodeMachineConfig& config, const RunContext& context);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_BOCHS_MACHINE_H_
