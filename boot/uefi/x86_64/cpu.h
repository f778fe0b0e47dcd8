// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_UEFI_X86_64_CPU_H_
#define BULKHEAD_BOOT_UEFI_X86_64_CPU_H_

#include <cstdint>

#include "boot/boot_info.h"

namespace bulkhead::uefi {

// AMD APM 3, E.4.2: Fn8000_0001_EDX[Page1GB].
inline bool HasGigabytePages() {
  uint32_t a = 0x80000000;
  uint32_t b = 0;
  uint32_t c = 0;
  uint32_t d = 0;
  asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  if (a < 0x80000001) return false;
  a = 0x80000001;
  asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  return (d & (uint32_t{1} << 26)) != 0;
}

// AMD APM 2, 3.1.3: CR4.LA57, which cannot be changed in long mode.
inline bool FiveLevelPaging() {
  uint64_t cr4;
  asm volatile("mov %%cr4, %0" : "=r"(cr4));
  return (cr4 & (uint64_t{1} << 12)) != 0;
}

// Switches to the page tables at `root` and jumps to the image's 64-bit entry, which takes the
// BootInfo in RDI (boot/x86_64/start64.S). This code and the BootInfo are mapped one to one.
[[noreturn]] inline void SwitchAndJump(uint64_t root, uint64_t entry, const BootInfo* info) {
  asm volatile(
      "cli\n"
      "mov %[root], %%cr3\n"
      "jmp *%[entry]"
      :
      : [root] "r"(root), [entry] "r"(entry), "D"(info)
      : "memory");
  __builtin_unreachable();
}

}  // namespace bulkhead::uefi

#endif  // BULKHEAD_BOOT_UEFI_X86_64_CPU_H_
