// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/x86_64/loader_handover.h"

#include <array>
#include <cstddef>

#include "boot/handover.h"
#include "boot/memory_map.h"
#include "boot/x86_64/com1.h"

namespace bulkhead {
namespace {

// ACPI 6.4, table 15.4. Everything unknown is reserved.
MemoryKind KindOf(uint32_t type) {
  switch (type) {
    case 1:
      return MemoryKind::kUsable;
    case 3:  // ACPI tables
    case 4:  // ACPI non-volatile storage
      return MemoryKind::kAcpi;
    default:
      return MemoryKind::kReserved;
  }
}

// Too large for a boot stack. The boot processor is alone and calls MakeBootInfo once.
std::array<MemoryRegion, kMaxE820Ranges + 3> g_ranges;

}  // namespace

const char* MakeBootInfo(const LoaderHandover& handover, BootInfo& info) {
  StartBootInfo(handover.image_physical, handover.image_length, info);
  info.acpi_rsdp = handover.rsdp;
  info.serial_kind = SerialKind::kPort16550;
  info.serial_address = kComPort1;

  if (handover.memory_map.empty()) return "the loader gave no memory map";
  if (handover.memory_map.size() > kMaxE820Ranges) return "the memory map is too long";
  size_t count = 0;
  for (const E820Range& range : handover.memory_map) {
    g_ranges[count++] = {range.address, range.length, KindOf(range.type), 0};
  }
  g_ranges[count++] = {handover.rsdp, handover.rsdp_copy_length, MemoryKind::kAcpi, 0};
  g_ranges[count++] = {handover.image_physical, handover.image_length, MemoryKind::kLoader, 0};
  if (const char* wrong = SetBundle(handover.bundle, handover.bundle_length, info)) return wrong;
  g_ranges[count++] = {handover.bundle, handover.bundle_length, MemoryKind::kLoader, 0};
  if (SetMemoryMap(std::span(g_ranges).first(count), info) != Status::kOk) {
    return "the memory map has too many regions";
  }

  return SetCommandLine(handover.command_line, info);
}

}  // namespace bulkhead
