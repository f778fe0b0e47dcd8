// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_AARCH64_VIRTUALIZATION_H_
#define BULKHEAD_ARCH_AARCH64_VIRTUALIZATION_H_

// What all virtual processors share: stage 2, the virtual interrupt interface.

#include <cstdint>

#include "arch/cpu.h"
#include "base/status.h"

namespace bulkhead::arch {

// kNotSupported: VirtualizationProblem says why, or this is not the first processor and not like
// it.
Status EnableVirtualization(const Cpu& cpu);

// List registers of a CPU: at most kMaxListRegisters.
inline constexpr uint32_t kMaxListRegisters = 16;
uint32_t ListRegisters();
// Active-priority registers, AP0R and AP1R, of a CPU: 1, 2 or 4 of each.
uint32_t PriorityRegisters();
// VMIDs are below this.
uint32_t VmidCount();
// Whether the processor has RAS registers that guests reach (VDISR_EL2).
bool HasRas();
// Whether guests reach SME's TPIDR2_EL0: there is no fine-grained trap that keeps it from them. No
// processor of Arm's is like that, but QEMU's "max" is up to 7.2.
bool HasSecondThreadPointer();

}  // namespace bulkhead::arch

#endif  // BULKHEAD_ARCH_AARCH64_VIRTUALIZATION_H_
