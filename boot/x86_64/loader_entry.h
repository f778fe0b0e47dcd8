// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_X86_64_LOADER_ENTRY_H_
#define BULKHEAD_BOOT_X86_64_LOADER_ENTRY_H_

// For the C++ halves of the 32-bit entries: they run in long mode, with the low 4 GiB mapped one to
// one by start32.S.

#include <cstdint>
#include <span>
#include <string_view>

#include "base/align.h"
#include "boot/early_console.h"
#include "boot/x86_64/loader_handover.h"

namespace bulkhead {

inline constexpr uint64_t kMappedLimit = uint64_t{4} << 30;

// `count` objects at a physical address that the loader gave; EarlyFatal(what_is_wrong) if they do
// not lie where they can be read.
template <typename T>
std::span<const T> Physical(uint64_t address, uint64_t count, std::string_view what_is_wrong) {
  if (count == 0) return {};
  if (!IsAligned(address, alignof(T)) || address == 0 || count > kMappedLimit / sizeof(T) ||
      !RangeWithin(address, count * sizeof(T), kMappedLimit)) {
    EarlyFatal(what_is_wrong);
  }
  return {reinterpret_cast<const T*>(address), count};
}

// Makes the BootInfo of all but the image's place, which is filled in here. Returns its physical
// address; says on the console what is wrong and resets otherwise. To be called once.
uint64_t HandOver(LoaderHandover handover);

}  // namespace bulkhead

#endif  // BULKHEAD_BOOT_X86_64_LOADER_ENTRY_H_
