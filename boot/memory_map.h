// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_MEMORY_MAP_H_
#define BULKHEAD_BOOT_MEMORY_MAP_H_

// Makes the memory map of BootInfo from what a firmware reports. Firmware maps are unsorted, touch
// inside pages and overlap; BootInfo's never does.

#include <cstdint>
#include <span>

#include "base/status.h"
#include "boot/boot_info.h"

namespace bulkhead {

// The architectural limit of physical addresses (AMD APM 2, 5.1: 52 bits). What lies above is cut.
inline constexpr uint64_t kPhysicalLimit = uint64_t{1} << 52;

// Writes to `regions` the union of `ranges`: page-aligned, sorted, without overlap, neighbours of
// one kind merged; `count` gets how many there are. A range of zero length counts for nothing.
//
// A page is kUsable only if all of it is usable and nothing else touches it. Where ranges overlap
// the one that must be left alone wins: kLoader before kReserved before kAcpi before kUsable.
// Page 0 is never usable. kNoMemory: more regions result than `regions` can hold.
Status NormalizeMemoryMap(std::span<const MemoryRegion> ranges, std::span<MemoryRegion> regions,
                          uint32_t& count);

// The same into `info.regions`.
Status SetMemoryMap(std::span<const MemoryRegion> ranges, BootInfo& info);

}  // namespace bulkhead

#endif  // BULKHEAD_BOOT_MEMORY_MAP_H_
