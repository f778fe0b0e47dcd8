// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_X86_64_DESCRIPTORS_H_
#define BULKHEAD_ARCH_X86_64_DESCRIPTORS_H_

// Segment and interrupt descriptor tables (AMD APM 2, 4.8 and 8.2).

#include <cstdint>

#include "arch/cpu.h"

namespace bulkhead::arch {

// Order fixed by SYSCALL and SYSRET (AMD APM 2, 6.1.1).
inline constexpr uint16_t kKernelCode = 0x08;
inline constexpr uint16_t kKernelData = 0x10;
inline constexpr uint16_t kUserData = 0x18 | 3;
inline constexpr uint16_t kUserCode = 0x20 | 3;
inline constexpr uint16_t kTaskState = 0x28;

// Loads this CPU's tables and points GS at `cpu`.
void LoadDescriptorTables(Cpu& cpu);
// Where they are, for processors that put them back themselves; of the segment table they do not
// keep the limit, which ReloadSegmentTable mends.
struct DescriptorTables {
  uint64_t segments;
  uint64_t gates;
  uint64_t task_state;
};
DescriptorTables DescriptorTablesOf(const Cpu& cpu);
void ReloadSegmentTable(const Cpu& cpu);

}  // namespace bulkhead::arch

#endif  // BULKHEAD_ARCH_X86_64_DESCRIPTORS_H_
