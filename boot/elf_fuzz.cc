// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <cstddef>
#include <cstdint>
#include <span>

#include "boot/elf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> file(reinterpret_cast<const std::byte*>(data), size);
  bulkhead::ElfImage image;
  const bulkhead::ElfError error =
      bulkhead::ElfImage::Parse(file, bulkhead::ElfMachine::kX86_64, image);
  bulkhead::Text<> text;
  text << error;
  if (!error.ok()) return 0;
  uint64_t sum = 0;
  for (const bulkhead::ElfSegment& segment : image.segments()) {
    if (segment.data.size() > segment.memory_size) __builtin_trap();
    if (segment.virtual_address + segment.memory_size < segment.virtual_address) __builtin_trap();
    for (const std::byte byte : segment.data) sum += static_cast<uint64_t>(byte);
  }
  if (image.PhysicalRange().start > image.PhysicalRange().end) __builtin_trap();
  uint32_t entry = 0;
  const bulkhead::ElfError pvh = image.PvhEntry(entry);
  text << pvh;
  if (pvh.ok() && !image.IsExecutablePhysical(entry)) __builtin_trap();
  asm volatile("" : : "r"(sum));  // every byte is read
  return 0;
}
