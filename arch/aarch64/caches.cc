// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Cache maintenance, line by line, through the direct map.

#include "arch/aarch64/registers.h"
#include "arch/paging.h"

namespace bulkhead::arch {
namespace {

// Bytes: CTR_EL0 has the logarithm of the smallest line's words (Arm ARM D17.2.34).
uint64_t LineBytes(unsigned field) {
  return uint64_t{4} << (BULKHEAD_READ_REGISTER(ctr_el0) >> field & 0xf);
}
constexpr unsigned kInstructionLine = 0;
constexpr unsigned kDataLine = 16;

}  // namespace

void ClearPages(HostPhysical start, uint64_t bytes) {
  const auto begin = reinterpret_cast<uint64_t>(ToPointer(start));
  const uint64_t block = uint64_t{4} << (BULKHEAD_READ_REGISTER(dczid_el0) & 0xf);
  for (uint64_t at = begin; at < begin + bytes; at += block) {
    asm volatile("dc zva, %0" : : "r"(at) : "memory");
  }
  const uint64_t line = LineBytes(kDataLine);
  for (uint64_t at = begin; at < begin + bytes; at += line) {
    asm volatile("dc civac, %0" : : "r"(at) : "memory");
  }
  asm volatile("dsb sy" : : : "memory");
}

void SynchronizeCode(HostPhysical start, uint64_t bytes) {
  const auto begin = reinterpret_cast<uint64_t>(ToPointer(start));
  const uint64_t data_line = LineBytes(kDataLine);
  for (uint64_t at = begin; at < begin + bytes; at += data_line) {
    asm volatile("dc cvau, %0" : : "r"(at) : "memory");
  }
  asm volatile("dsb ish" : : : "memory");
  const uint64_t instruction_line = LineBytes(kInstructionLine);
  for (uint64_t at = begin; at < begin + bytes; at += instruction_line) {
    asm volatile("ic ivau, %0" : : "r"(at) : "memory");
  }
  asm volatile("dsb ish; isb" : : : "memory");
}

}  // namespace bulkhead::arch
