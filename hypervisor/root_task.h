// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_HYPERVISOR_ROOT_TASK_H_
#define BULKHEAD_HYPERVISOR_ROOT_TASK_H_

#include "base/status.h"
#include "boot/boot_info.h"
#include "hypervisor/node.h"

namespace bulkhead {

// Makes the root task's process from the bundle's `supervisor` and makes its first thread ready.
// It gets all memory that is left as its quota. Fatal, with the reason, if that fails.
void StartRootTask(Node& node, const BootInfo& boot);

}  // namespace bulkhead

#endif  // BULKHEAD_HYPERVISOR_ROOT_TASK_H_
