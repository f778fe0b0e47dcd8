// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_HYPERVISOR_MACHINE_H_
#define BULKHEAD_HYPERVISOR_MACHINE_H_

// The one Node of a running machine, for the entries from the architecture. Everything else gets
// its Node passed.

#include "arch/context.h"
#include "hypervisor/node.h"

namespace bulkhead {

Node& TheNode();

// Writes a crash report of a user thread to the log.
void ReportUserFault(Node& node, const arch::UserContext& context, uint64_t fault_address);

void DumpTrace(const Node& node);

}  // namespace bulkhead

#endif  // BULKHEAD_HYPERVISOR_MACHINE_H_
