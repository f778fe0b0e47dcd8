// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <cstdint>

#include "boot/testing/stand_in_machine.h"

namespace bulkhead {

bool InterruptsAreOff() {
  uint64_t flags;
  asm volatile("pushfq; pop %0" : "=r"(flags));
  return (flags & 0x200) == 0;
}

bool TranslationIsOn() {
  constexpr uint64_t kPagingAndWriteProtection = 0x80010001;
  uint64_t cr0;
  asm volatile("mov %%cr0, %0" : "=r"(cr0));
  return (cr0 & kPagingAndWriteProtection) == kPagingAndWriteProtection;
}

}  // namespace bulkhead
