// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_UPCALLS_H_
#define BULKHEAD_ARCH_UPCALLS_H_

// What an architecture calls in the core. All run with interrupts off.

#include <cstdint>

#include "arch/context.h"
#include "arch/cpu.h"

namespace bulkhead::arch {

// A user thread made a call, was interrupted (the interrupt has been acknowledged; HandleTimer or
// HandleInterrupt was called), or did what user mode may not. Ends in ResumeUser or in a guest.
// HandleCall has a name that assembly can call.
[[noreturn]] void HandleCall(UserContext& context) asm("HandleCall");
[[noreturn]] void HandlePreemption();
[[noreturn]] void HandleUserFault(UserContext& context, uint64_t fault_address);

// From user mode, from a guest's exit or from the idle loop; these return. HandleKick: another CPU
// called Kick for this one.
void HandleTimer();
void HandleInterrupt(unsigned vector);
void HandleKick();

// A CPU that StartCpu started comes here, on its own stack; InitializeCpu is still to be done.
[[noreturn]] void EnterStartedCpu(Cpu& cpu);

// For the report of the hypervisor's own crash: writes the newest entries of the trace to the log.
void ReportLastTrace();

}  // namespace bulkhead::arch

#endif  // BULKHEAD_ARCH_UPCALLS_H_
