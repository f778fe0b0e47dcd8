// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_UEFI_MEMORY_H_
#define BULKHEAD_BOOT_UEFI_MEMORY_H_

// UEFI memory maps. Free of the firmware, so that it is tested on the host.

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/status.h"
#include "boot/boot_info.h"

namespace bulkhead::uefi {

// UEFI 2.10, 7.2.3. Firmware may make it longer: go by the descriptor size it states.
struct MemoryDescriptor {
  uint32_t type;
  uint32_t padding;
  uint64_t physical_start;
  uint64_t virtual_start;
  uint64_t page_count;  // of 4 KiB
  uint64_t attributes;
};
static_assert(sizeof(MemoryDescriptor) == 40);

// A map as GetMemoryMap filled it.
struct MemoryMapView {
  std::span<const std::byte> bytes;
  uint64_t descriptor_size = 0;

  uint64_t count() const { return descriptor_size == 0 ? 0 : bytes.size() / descriptor_size; }
  MemoryDescriptor at(uint64_t index) const;
};

// What a region is once the boot services are left.
MemoryKind KindOf(const MemoryDescriptor& descriptor);

// The end of the highest RAM, in bytes; 0 if there is none.
uint64_t TopOfRam(const MemoryMapView& map);

// Translates all descriptors to `ranges`, in the map's order, and tells how many there are.
// kNoMemory: `ranges` is too short. kCorrupt: descriptors shorter than the specification's.
Status ToRanges(const MemoryMapView& map, std::span<MemoryRegion> ranges, uint32_t& count);

}  // namespace bulkhead::uefi

#endif  // BULKHEAD_BOOT_UEFI_MEMORY_H_
