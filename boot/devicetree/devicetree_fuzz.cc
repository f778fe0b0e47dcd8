// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

#include "boot/devicetree/devicetree.h"
#include "boot/devicetree/handover.h"

namespace {

// Every page lies in order, in at most one region.
void CheckRegions(const bulkhead::BootInfo& info) {
  uint64_t end = 0;
  for (uint32_t i = 0; i < info.region_count; ++i) {
    if (info.regions[i].start < end) __builtin_trap();
    end = info.regions[i].start + info.regions[i].length;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A copy of its own, 8-byte aligned, whose end the sanitizer watches.
  const std::unique_ptr<uint8_t[]> copy(new uint8_t[size]);
  if (size != 0) std::memcpy(copy.get(), data, size);
  const std::span bytes(reinterpret_cast<const std::byte*>(copy.get()), size);
  bulkhead::DevicetreeHandover handover = {.tree_physical = 0x48000000,
                                           .tree_length = size,
                                           .image_physical = 0x40200000,
                                           .image_length = 0x200000};
  if (bulkhead::Devicetree::Open(bytes, handover.tree) != nullptr) return 0;
  static bulkhead::BootInfo info;
  if (bulkhead::MakeBootInfo(handover, info) == nullptr) CheckRegions(info);
  if (info.gic.redistributor_count > bulkhead::kMaxRedistributorRegions) __builtin_trap();
  // And what an earlier error hides.
  bulkhead::Devicetree::Chosen chosen;
  handover.tree.ReadChosen(chosen);
  handover.tree.ReadGic(info.gic);
  uint64_t sum = handover.tree.FindClock() + handover.tree.PsciByHvc();
  asm volatile("" : : "r"(sum));
  return 0;
}
