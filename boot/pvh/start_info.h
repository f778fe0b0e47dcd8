// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_PVH_START_INFO_H_
#define BULKHEAD_BOOT_PVH_START_INFO_H_

// What a PVH loader hands over: Xen public ABI, arch-x86/hvm/start_info.h, version 1.

#include <cstddef>
#include <cstdint>

#include "boot/x86_64/e820.h"

namespace bulkhead {

inline constexpr uint32_t kPvhMagic = 0x336ec578;
inline constexpr uint32_t kPvhVersion = 1;  // the first with a memory map

struct PvhStartInfo {
  uint32_t magic;
  uint32_t version;
  uint32_t flags;
  uint32_t module_count;
  uint64_t modules;       // physical address of PvhModule[module_count]
  uint64_t command_line;  // physical address, NUL-terminated; 0: none
  uint64_t rsdp;          // physical address of the ACPI root pointer; 0: none
  uint64_t memory_map;    // physical address of PvhMemoryRange[memory_map_count]
  uint32_t memory_map_count;
  uint32_t reserved;
};
static_assert(sizeof(PvhStartInfo) == 56);
static_assert(offsetof(PvhStartInfo, memory_map_count) == 48);

struct PvhModule {
  uint64_t address;       // physical
  uint64_t length;        // bytes
  uint64_t command_line;  // physical address; 0: none
  uint64_t reserved;
};
static_assert(sizeof(PvhModule) == 32);

using PvhMemoryRange = E820Range;

}  // namespace bulkhead

#endif  // BULKHEAD_BOOT_PVH_START_INFO_H_
