// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_HYPERVISOR_START_CPU_H_
#define BULKHEAD_HYPERVISOR_START_CPU_H_

#include <cstdint>

#include "base/status.h"
#include "hypervisor/node.h"

namespace bulkhead {

// Starts another of the machine's processors and waits until it looks for threads to run; its
// memory is charged to the root task. With the lock held. `hardware_id`, result and errors: as
// abi::SystemOperation::kStartCpu.
Result<uint64_t> StartCpu(Node& node, uint64_t hardware_id);

}  // namespace bulkhead

#endif  // BULKHEAD_HYPERVISOR_START_CPU_H_
