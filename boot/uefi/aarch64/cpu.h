// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_UEFI_AARCH64_CPU_H_
#define BULKHEAD_BOOT_UEFI_AARCH64_CPU_H_

#include <cstdint>

#include "boot/boot_info.h"

namespace bulkhead::uefi {

// Arm ARM, CurrentEL.
inline uint64_t ExceptionLevel() {
  uint64_t value;
  asm volatile("mrs %0, CurrentEL" : "=r"(value));
  return value >> 2 & 3;
}

// Arm ARM, ID_AA64MMFR1_EL1.VH.
inline bool HasHostExtensions() {
  uint64_t value;
  asm volatile("mrs %0, ID_AA64MMFR1_EL1" : "=r"(value));
  return (value >> 8 & 15) != 0;
}

// Writes [start, start + length) back to memory, for who looks at it without caches.
inline void CleanToMemory(uint64_t start, uint64_t length) {
  uint64_t type;
  asm volatile("mrs %0, CTR_EL0" : "=r"(type));
  const uint64_t line = uint64_t{4} << (type >> 16 & 15);  // DminLine
  for (uint64_t at = start & ~(line - 1); at < start + length; at += line) {
    asm volatile("dc civac, %0" : : "r"(at) : "memory");
  }
  asm volatile("dsb sy" : : : "memory");
}

// Turns the MMU of EL2 off and jumps to a physical address, with the BootInfo in X0. The three
// instructions that run on are fetched past the caches: they are written back first, and as one
// line of the smallest size there is.
[[noreturn]] inline void JumpWithoutMmu(uint64_t entry, const BootInfo* info) {
  constexpr uint64_t kMmuAndCaches = 0x1005;  // Arm ARM, SCTLR_EL2: M, C, I
  register const BootInfo* argument asm("x0") = info;
  asm volatile(
      "msr DAIFSet, #15\n"
      "adr x2, 1f\n"
      "dc civac, x2\n"
      "dsb sy\n"
      "ic iallu\n"  // the image was written as data
      "dsb sy\n"
      "isb\n"
      "mrs x3, SCTLR_EL2\n"
      "bic x3, x3, %[bits]\n"
      "b 1f\n"
      ".balign 16\n"
      "1: msr SCTLR_EL2, x3\n"
      "isb\n"
      "br %[entry]"
      :
      : [entry] "r"(entry), [bits] "r"(kMmuAndCaches), "r"(argument)
      : "x2", "x3", "memory");
  __builtin_unreachable();
}

}  // namespace bulkhead::uefi

#endif  // BULKHEAD_BOOT_UEFI_AARCH64_CPU_H_
