// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_X86_64_SVM_SVM_H_
#define BULKHEAD_ARCH_X86_64_SVM_SVM_H_

// Turning AMD-V on (AMD APM 2, 15.4), and what all virtual processors share.

#include <cstdint>

#include "arch/cpu.h"
#include "base/address.h"
#include "base/status.h"

namespace bulkhead::arch::svm {

// kNotSupported: VirtualizationProblem says why. `pages`: kCpuPages zeroed pages.
Status Enable(Cpu& cpu, HostPhysical pages);

HostPhysical IoMap();
HostPhysical MsrMap();
uint32_t AsidCount();
bool HasNextRip();
// Components of the extended state that guests may use (XCR0).
uint64_t SupportedXcr0();
// Components that are switched between guests: all that there are. CR4.PKE alone gives a guest
// PKRU, whatever CPUID and XCR0 say, and QEMU does not intercept XSETBV.
uint64_t SwitchedXcr0();

}  // namespace bulkhead::arch::svm

#endif  // BULKHEAD_ARCH_X86_64_SVM_SVM_H_
