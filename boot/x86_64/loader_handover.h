// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_X86_64_LOADER_HANDOVER_H_
#define BULKHEAD_BOOT_X86_64_LOADER_HANDOVER_H_

// What the loaders of the 32-bit entries hand over, whatever their format, and how it becomes a
// BootInfo. Free of the machine, so that it is tested on the host.

#include <cstdint>
#include <span>
#include <string_view>

#include "boot/boot_info.h"
#include "boot/x86_64/e820.h"

namespace bulkhead {

// Loaders report E820 maps, which have at most 128 entries; more are refused.
inline constexpr uint32_t kMaxE820Ranges = 192;

struct LoaderHandover {
  uint64_t rsdp = 0;              // physical address; 0: none
  uint64_t rsdp_copy_length = 0;  // bytes to keep there, if it is the loader's copy in free memory
  std::span<const E820Range> memory_map;
  uint64_t bundle = 0;  // physical address
  uint64_t bundle_length = 0;
  std::string_view command_line;
  uint64_t image_physical = 0;
  uint64_t image_length = 0;  // bytes
};

// Fills `info`, or returns what is wrong: one phrase, static.
const char* MakeBootInfo(const LoaderHandover& handover, BootInfo& info);

}  // namespace bulkhead

#endif  // BULKHEAD_BOOT_X86_64_LOADER_HANDOVER_H_
