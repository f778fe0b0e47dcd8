// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_X86_64_START_CPU_H_
#define BULKHEAD_ARCH_X86_64_START_CPU_H_

// The page where other processors begin. Both while memory is mapped one to one.

#include <cstdint>

#include "base/address.h"
#include "boot/boot_info.h"

namespace bulkhead::arch {

// Takes one out of usable memory: its physical address; 0: there is none.
uint64_t ReserveStartPage(BootInfo& boot);
// Writes it. `root`: tables that map it where it lies, and the hypervisor; below 4 GiB.
void FillStartPage(HostPhysical root);

}  // namespace bulkhead::arch

#endif  // BULKHEAD_ARCH_X86_64_START_CPU_H_
