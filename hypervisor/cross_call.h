// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_HYPERVISOR_CROSS_CALL_H_
#define BULKHEAD_HYPERVISOR_CROSS_CALL_H_

// Calls from one CPU to another, with the node's lock held: one at a time.

#include "hypervisor/cpu.h"

namespace bulkhead {

// Has `cpu` do `work`, and waits until it has; on this CPU itself, does it at once. Whatever the
// other one runs, user mode or a guest, it has left for the hypervisor by then and will have to get
// the node's lock before it runs a thread again. The wait is short, since it takes interrupts
// wherever it does not hold the lock, and does such work while it waits for the lock; a CPU that
// does not answer within kPatience has crashed, and the hypervisor with it.
void RunOn(Cpu& cpu, CrossCall work, void* argument);

// Does what another CPU asks of this one, if anything.
void ServeCrossCall(Cpu& cpu);

// Has `cpu` choose its thread anew, soon: something has become ready there, or was stopped.
void Reschedule(Cpu& cpu);

}  // namespace bulkhead

#endif  // BULKHEAD_HYPERVISOR_CROSS_CALL_H_
