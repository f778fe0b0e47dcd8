// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "drivers/pci/pci.h"

#include <algorithm>

#include "base/align.h"

namespace bulkhead {
namespace {

constexpr uint32_t kBarIo = 1;
constexpr uint32_t kBarTypeMask = 6;
constexpr uint32_t kBarType64 = 4;
constexpr uint32_t kBarFlags = 15;

constexpr uint64_t kMsixControl = 2;
constexpr uint64_t kMsixTable = 4;
constexpr uint16_t kMsixEnable = 1 << 15;
constexpr uint16_t kMsixFunctionMask = 1 << 14;
constexpr uint32_t kMsixBarMask = 7;
constexpr uint64_t kMsixEntryBytes = 16;

constexpr uint64_t kBusBytes = kPciFunctionBytes * 8 * 32;

}  // namespace

uint32_t PciRegisters::Read(uint64_t offset, int width) const {
  if (!RangeWithin(offset, width, size_)) return ~uint32_t{0};
  return platform_->ReadDevice(bytes_ + offset, width);
}

void PciRegisters::Write(uint64_t offset, int width, uint32_t value) const {
  if (!RangeWithin(offset, width, size_)) return;
  platform_->WriteDevice(bytes_ + offset, width, value);
}

void PciRegisters::Write64(uint64_t offset, uint64_t value) const {
  Write32(offset, static_cast<uint32_t>(value));
  Write32(offset + 4, static_cast<uint32_t>(value >> 32));
}

Result<PciRegisters> PciRegisters::Part(uint64_t offset, uint64_t length) const {
  if (!RangeWithin(offset, length, size_)) return Status::kCorrupt;
  return PciRegisters(platform_, bytes_ + offset, length);
}

Result<PciFunction> PciFunction::Find(DriverPlatform& platform, const PciEcam& ecam,
                                      uint16_t vendor, std::span<const uint16_t> devices) {
  for (uint32_t bus = ecam.first_bus; bus <= ecam.last_bus; ++bus) {
    const auto bytes = platform.MapDevice(ecam.start + bus * kBusBytes, kBusBytes);
    if (!bytes.ok()) return bytes.status();
    const PciRegisters registers(&platform, *bytes, kBusBytes);
    for (uint32_t number = 0; number < 32 * 8; ++number) {
      const auto config = registers.Part(number * kPciFunctionBytes, kPciFunctionBytes);
      if (config->Read16(kPciVendorId) == vendor &&
          std::ranges::find(devices, config->Read16(kPciDeviceId)) != devices.end()) {
        return PciFunction(&platform, *config, bus << 8 | number);
      }
      // Without bit 7 in function 0's header type there are no others.
      if (number % 8 == 0 &&
          (config->Read16(kPciVendorId) == 0xffff || (config->Read8(kPciHeaderType) & 0x80) == 0)) {
        number += 7;
      }
    }
  }
  return Status::kNotFound;
}

uint8_t PciFunction::FindCapability(uint8_t id, uint8_t previous) const {
  if ((config_.Read16(kPciStatus) & kPciStatusCapabilities) == 0) return 0;
  uint64_t pointer = previous == 0 ? kPciCapabilities : previous + 1;
  for (int i = 0; i < kPciMaxCapabilities; ++i) {
    const uint8_t offset = config_.Read8(pointer) & 0xfc;
    if (offset < 0x40) return 0;
    if (config_.Read8(offset) == id) return offset;
    pointer = offset + 1;
  }
  return 0;
}

// By writing all ones and reading back which stick (PCI Local Bus 3.0, 6.2.5.1).
uint64_t PciFunction::BarSize(uint32_t index, bool wide) const {
  const uint64_t low = kPciBar0 + 4 * index;
  const uint16_t command = config_.Read16(kPciCommand);
  config_.Write16(kPciCommand, command & ~kPciCommandMemory);
  const uint32_t old_low = config_.Read32(low);
  config_.Write32(low, ~uint32_t{0});
  uint64_t mask = config_.Read32(low) & ~kBarFlags;
  config_.Write32(low, old_low);
  if (wide) {
    const uint32_t old_high = config_.Read32(low + 4);
    config_.Write32(low + 4, ~uint32_t{0});
    mask |= uint64_t{config_.Read32(low + 4)} << 32;
    config_.Write32(low + 4, old_high);
  } else {
    mask |= uint64_t{0xffffffff} << 32;
  }
  config_.Write16(kPciCommand, command);
  return ~mask + 1;  // 0 if no bit stuck
}

Result<PciRegisters> PciFunction::MapBar(uint32_t index) {
  if (index >= kPciBars) return Status::kCorrupt;
  if (bars_[index].size() != 0) return bars_[index];
  const uint32_t low = config_.Read32(kPciBar0 + 4 * index);
  const bool wide = (low & kBarTypeMask) == kBarType64;
  if ((low & kBarIo) != 0 || (wide && index + 1 >= kPciBars)) return Status::kCorrupt;
  uint64_t start = low & ~kBarFlags;
  if (wide) start |= uint64_t{config_.Read32(kPciBar0 + 4 * index + 4)} << 32;
  const uint64_t size = BarSize(index, wide);
  if (start == 0 || size == 0 || size > kMaxBarBytes) return Status::kNotSupported;
  // BARs can be smaller than a page.
  const uint64_t first = AlignDown(start, kPageSize);
  const uint64_t end = AlignUp(start + size, kPageSize);
  if (end <= first) return Status::kCorrupt;
  const auto bytes = platform_->MapDevice(static_cast<HostPhysical>(first), end - first);
  if (!bytes.ok()) return bytes.status();
  bars_[index] = PciRegisters(platform_, *bytes + (start - first), size);
  return bars_[index];
}

void PciFunction::EnableMemory() {
  config_.Write16(kPciCommand, config_.Read16(kPciCommand) | kPciCommandMemory | kPciCommandNoIntx);
}

void PciFunction::EnableBusMaster() {
  config_.Write16(kPciCommand, config_.Read16(kPciCommand) | kPciCommandBusMaster);
}

// PCI Local Bus 3.0, 6.8.2.
Status PciFunction::EnableMsix(const DriverPlatform::Msi& message) {
  const uint8_t capability = FindCapability(kPciCapabilityMsix, 0);
  if (capability == 0) return Status::kNotSupported;
  const uint32_t place = config_.Read32(capability + kMsixTable);
  const auto bar = MapBar(place & kMsixBarMask);
  if (!bar.ok()) return bar.status();
  const uint16_t control = config_.Read16(capability + kMsixControl);
  const uint64_t entries = (control & 0x7ff) + uint64_t{1};
  const auto table = bar->Part(place & ~kMsixBarMask, entries * kMsixEntryBytes);
  if (!table.ok()) return table.status();
  config_.Write16(capability + kMsixControl, control | kMsixEnable | kMsixFunctionMask);
  for (uint64_t entry = 0; entry < entries; ++entry) {
    table->Write32(entry * kMsixEntryBytes + 12, 1);  // masked
  }
  table->Write64(0, message.address);
  table->Write32(8, message.data);
  table->Write32(12, 0);
  config_.Write16(capability + kMsixControl,
                  static_cast<uint16_t>((control | kMsixEnable) & ~kMsixFunctionMask));
  return Status::kOk;
}

}  // namespace bulkhead
