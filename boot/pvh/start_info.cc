// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/pvh/start_info.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/align.h"
#include "boot/memory_map.h"

namespace bulkhead {
namespace {

constexpr uint64_t kComPort1 = 0x3f8;

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
std::array<MemoryRegion, kMaxPvhMemoryRanges + 2> g_ranges;

}  // namespace

const char* MakeBootInfo(const PvhHandover& handover, BootInfo& info) {
  std::memset(&info, 0, sizeof(info));
  info.magic = kBootInfoMagic;
  info.version = kBootInfoVersion;
  info.size = sizeof(BootInfo);
  info.image_physical = handover.image_physical;
  info.image_length = handover.image_length;
  info.acpi_rsdp = handover.rsdp;
  info.serial_kind = SerialKind::kPort16550;
  info.serial_address = kComPort1;

  if (handover.memory_map.empty()) return "the PVH loader gave no memory map";
  if (handover.memory_map.size() > kMaxPvhMemoryRanges) return "the memory map is too long";
  size_t count = 0;
  for (const PvhMemoryRange& range : handover.memory_map) {
    g_ranges[count++] = {range.address, range.length, KindOf(range.type), 0};
  }
  g_ranges[count++] = {handover.image_physical, handover.image_length, MemoryKind::kLoader, 0};
  if (!handover.modules.empty()) {
    const PvhModule& bundle = handover.modules.front();
    if (!IsAligned(bundle.address, kPageSize)) return "the bundle is not page-aligned";
    if (!RangeWithin(bundle.address, bundle.length, kPhysicalLimit)) {
      return "the bundle lies outside physical memory";
    }
    info.bundle_physical = bundle.address;
    info.bundle_length = bundle.length;
    g_ranges[count++] = {bundle.address, bundle.length, MemoryKind::kLoader, 0};
  }
  if (SetMemoryMap(std::span(g_ranges).first(count), info) != Status::kOk) {
    return "the memory map has too many regions";
  }

  if (handover.command_line.size() >= kCommandLineCapacity) return "the command line is too long";
  std::fill(std::begin(info.command_line), std::end(info.command_line), '\0');
  std::copy(handover.command_line.begin(), handover.command_line.end(), info.command_line);
  return nullptr;
}

}  // namespace bulkhead
