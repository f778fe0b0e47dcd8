// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/uefi/memory.h"

#include <algorithm>
#include <cstring>

#include "base/align.h"
#include "boot/memory_map.h"

namespace bulkhead::uefi {
namespace {

// UEFI 2.10, 7.2.1, EFI_MEMORY_TYPE.
enum Type : uint32_t {
  kReserved = 0,
  kLoaderCode = 1,
  kLoaderDataType = 2,
  kBootServicesCode = 3,
  kBootServicesData = 4,
  kRuntimeServicesCode = 5,
  kRuntimeServicesData = 6,
  kConventional = 7,
  kUnusable = 8,
  kAcpiReclaim = 9,
  kAcpiNonVolatile = 10,
};

// UEFI 2.10, 7.2.3: the firmware needs it at run time, whatever its type.
constexpr uint64_t kRuntimeAttribute = uint64_t{1} << 63;

// Descriptors come from the firmware, but a sum that wraps must not pass for a small one.
uint64_t LengthOf(const MemoryDescriptor& descriptor) {
  return std::min(descriptor.page_count, kPhysicalLimit >> kPageShift) << kPageShift;
}

}  // namespace

MemoryDescriptor MemoryMapView::at(uint64_t index) const {
  MemoryDescriptor descriptor;
  std::memcpy(&descriptor, bytes.data() + index * descriptor_size, sizeof(descriptor));
  return descriptor;
}

MemoryKind KindOf(const MemoryDescriptor& descriptor) {
  if ((descriptor.attributes & kRuntimeAttribute) != 0) return MemoryKind::kReserved;
  switch (descriptor.type) {
    case kLoaderCode:
    case kLoaderDataType:
      return MemoryKind::kLoader;
    case kBootServicesCode:
    case kBootServicesData:
    case kConventional:
      return MemoryKind::kUsable;
    case kAcpiReclaim:
    case kAcpiNonVolatile:
      return MemoryKind::kAcpi;
    default:
      return MemoryKind::kReserved;
  }
}

uint64_t TopOfRam(const MemoryMapView& map) {
  uint64_t top = 0;
  for (uint64_t i = 0; i < map.count(); ++i) {
    const MemoryDescriptor descriptor = map.at(i);
    const bool is_ram = descriptor.type >= kLoaderCode && descriptor.type <= kAcpiNonVolatile &&
                        descriptor.type != kUnusable;
    if (!is_ram || descriptor.physical_start >= kPhysicalLimit) continue;
    top = std::max(top, std::min(descriptor.physical_start + LengthOf(descriptor), kPhysicalLimit));
  }
  return top;
}

Status ToRanges(const MemoryMapView& map, std::span<MemoryRegion> ranges, uint32_t& count) {
  if (map.descriptor_size < sizeof(MemoryDescriptor)) return Status::kCorrupt;
  if (map.count() > ranges.size()) return Status::kNoMemory;
  count = static_cast<uint32_t>(map.count());
  for (uint32_t i = 0; i < count; ++i) {
    const MemoryDescriptor descriptor = map.at(i);
    ranges[i] = {descriptor.physical_start, LengthOf(descriptor), KindOf(descriptor), 0};
  }
  return Status::kOk;
}

}  // namespace bulkhead::uefi
