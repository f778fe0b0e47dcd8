// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

#include "boot/boot_info.h"
#include "boot/multiboot2/information.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr uint64_t kPhysical = 0x150000;
  // A copy of its own, 8-byte aligned, whose end the sanitizer watches.
  const std::unique_ptr<uint8_t[]> copy(new uint8_t[size]);
  if (size != 0) std::memcpy(copy.get(), data, size);
  const std::span bytes(reinterpret_cast<const std::byte*>(copy.get()), size);
  bulkhead::LoaderHandover handover;
  handover.image_physical = 0x200000;
  handover.image_length = 0x26000;
  if (bulkhead::ReadMultiboot2Information(bytes, kPhysical, handover) != nullptr) return 0;
  if (handover.rsdp != 0 && (handover.rsdp < kPhysical || handover.rsdp_copy_length > size ||
                             handover.rsdp + handover.rsdp_copy_length > kPhysical + size)) {
    __builtin_trap();
  }
  static bulkhead::BootInfo info;
  if (bulkhead::MakeBootInfo(handover, info) != nullptr) return 0;
  // Every page lies in order, in at most one region.
  uint64_t end = 0;
  for (uint32_t i = 0; i < info.region_count; ++i) {
    if (info.regions[i].start < end) __builtin_trap();
    end = info.regions[i].start + info.regions[i].length;
  }
  return 0;
}
