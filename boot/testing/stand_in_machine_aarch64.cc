// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <cstdint>

#include "boot/testing/stand_in_machine.h"

namespace bulkhead {

bool InterruptsAreOff() {
  constexpr uint64_t kAll = 0x3c0;  // D, A, I, F
  uint64_t masks;
  asm volatile("mrs %0, DAIF" : "=r"(masks));
  return (masks & kAll) == kAll;
}

bool TranslationIsOn() {
  constexpr uint64_t kMmuAndCaches = 0x1005;
  constexpr uint64_t kHostExtensions = uint64_t{1} << 34 | uint64_t{1} << 27;  // E2H, TGE
  uint64_t level;
  uint64_t control;
  uint64_t configuration;
  asm volatile("mrs %0, CurrentEL" : "=r"(level));
  if (level != 2 << 2) return false;
  asm volatile("mrs %0, SCTLR_EL2" : "=r"(control));
  asm volatile("mrs %0, HCR_EL2" : "=r"(configuration));
  return (control & kMmuAndCaches) == kMmuAndCaches &&
         (configuration & kHostExtensions) == kHostExtensions;
}

}  // namespace bulkhead
