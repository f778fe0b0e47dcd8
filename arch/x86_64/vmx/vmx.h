// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_X86_64_VMX_VMX_H_
#define BULKHEAD_ARCH_X86_64_VMX_VMX_H_

// Turning VT-x on (Intel SDM 3C, 24.7), and what all virtual processors share.

#include <cstdint>

#include "arch/cpu.h"
#include "arch/x86_64/vmx/controls.h"
#include "base/address.h"

namespace bulkhead::arch::vmx {

// As Virtualizer has them.
void Prepare(HostPhysical pages);
const char* Enable(Cpu& cpu);

struct Shared {
  Controls controls;
  uint32_t revision;     // what a VMCS begins with
  uint64_t msr_bitmap;   // physical
  uint64_t cr0_always;   // bits that are one in root and non-root operation alike
  uint64_t cr4_always;   //
  unsigned timer_shift;  // the preemption timer counts when this bit of the TSC changes
};
const Shared& TheShared();

}  // namespace bulkhead::arch::vmx

#endif  // BULKHEAD_ARCH_X86_64_VMX_VMX_H_
