// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_X86_64_SVM_SVM_H_
#define BULKHEAD_ARCH_X86_64_SVM_SVM_H_

// Turning AMD-V on (AMD APM 2, 15.4), and what all virtual processors share.

#include <cstdint>

#include "arch/cpu.h"
#include "base/address.h"

namespace bulkhead::arch::svm {

// As Virtualizer has them.
void Prepare(HostPhysical pages);
const char* Enable(Cpu& cpu);

HostPhysical IoMap();
HostPhysical MsrMap();
uint32_t AsidCount();
bool HasNextRip();

}  // namespace bulkhead::arch::svm

#endif  // BULKHEAD_ARCH_X86_64_SVM_SVM_H_
