// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_AARCH64_START_CPU_H_
#define BULKHEAD_ARCH_AARCH64_START_CPU_H_

// What another processor needs of the first one's address space (paging.cc).

#include "base/address.h"

namespace bulkhead::arch {

// Makes the hypervisor's address space this CPU's.
void AdoptAddressSpace();
// Where something of the image lies in memory.
HostPhysical ImagePhysical(const void* pointer);

}  // namespace bulkhead::arch

#endif  // BULKHEAD_ARCH_AARCH64_START_CPU_H_
