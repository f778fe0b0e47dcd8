// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "drivers/pci/pci.h"

#include <algorithm>
#include <bit>

#include "base/align.h"

namespace bulkhead {
namespace {

constexpr uint32_t kBarIo = 1;
constexpr uint32_t kBarTypeMask = 6;
constexpr uint32_t kBarType64 = 4;
constexpr uint32_t kBarPrefetchable = 8;
constexpr uint32_t kBarFlags = 15;

constexpr uint64_t kMsixControl = 2;
constexpr uint64_t kMsixTable = 4;
constexpr uint16_t kMsixEnable = 1 << 15;
constexpr uint16_t kMsixFunctionMask = 1 << 14;
constexpr uint32_t kMsixBarMask = 7;
constexpr uint64_t kMsixEntryBytes = 16;

constexpr uint64_t kBusBytes = kPciFunctionBytes * PciBus::kFunctions;

}  // namespace

bool PciRegisters::Reachable(uint64_t offset, int width) const {
  const auto bytes = static_cast<uint64_t>(width);
  return IsAligned(offset, bytes) && RangeWithin(offset, bytes, size_);
}

uint32_t PciRegisters::Read(uint64_t offset, int width) const {
  if (!Reachable(offset, width)) return ~uint32_t{0};
  return platform_->ReadDevice(bytes_ + offset, width);
}

void PciRegisters::Write(uint64_t offset, int width, uint32_t value) const {
  if (!Reachable(offset, width)) return;
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

Result<PciBus> PciBus::Map(DriverPlatform& platform, const PciHost& host, uint8_t number) {
  const auto bytes = platform.MapDevice(host.ecam + number * kBusBytes, kBusBytes);
  if (!bytes.ok()) return bytes.status();
  return PciBus(&platform, &host, PciRegisters(&platform, *bytes, kBusBytes), number);
}

PciRegisters PciBus::Config(uint32_t number) const {
  return *config_.Part(number * kPciFunctionBytes, kPciFunctionBytes);
}

std::optional<PciFunction> PciBus::NextFunction(uint32_t& number) const {
  while (number < kFunctions) {
    // Without function 0 there are no others, nor without bit 7 in its header type.
    const PciRegisters first = Config(number & ~7U);
    const bool others =
        first.Read16(kPciVendorId) != 0xffff && (first.Read8(kPciHeaderType) & 0x80) != 0;
    const PciRegisters config = Config(number);
    if ((number % 8 == 0 || others) && config.Read16(kPciVendorId) != 0xffff) {
      return PciFunction(platform_, host_, config, uint32_t{number_} << 8 | number);
    }
    number = others ? number + 1 : (number | 7) + 1;
  }
  return std::nullopt;
}

Result<PciFunction> PciFunction::Find(DriverPlatform& platform, const PciHost& host,
                                      uint16_t vendor, std::span<const uint16_t> devices) {
  for (uint32_t number = host.first_bus; number <= host.last_bus; ++number) {
    const auto bus = PciBus::Map(platform, host, static_cast<uint8_t>(number));
    if (!bus.ok()) return bus.status();
    for (uint32_t i = 0; const auto function = bus->NextFunction(i); ++i) {
      if (function->config().Read16(kPciVendorId) == vendor &&
          std::ranges::find(devices, function->config().Read16(kPciDeviceId)) != devices.end()) {
        return *function;
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

// The size: by writing all ones and reading back which stick (PCI Local Bus 3.0, 6.2.5.1).
PciBar PciFunction::ReadBar(uint32_t index) const {
  const uint64_t low = kPciBar0 + 4 * index;
  if (index >= kPciBars) return {};
  const uint32_t old_low = config_.Read32(low);
  PciBar bar = {.address = old_low & ~kBarFlags,
                .wide = (old_low & kBarTypeMask) == kBarType64,
                .prefetchable = (old_low & kBarPrefetchable) != 0};
  if ((old_low & kBarIo) != 0 || (bar.wide && index + 1 >= kPciBars)) return {};
  const uint32_t old_high = bar.wide ? config_.Read32(low + 4) : 0;
  bar.address |= uint64_t{old_high} << 32;

  const uint16_t command = config_.Read16(kPciCommand);
  config_.Write16(kPciCommand, command & ~kPciCommandMemory);
  WriteBar(index, bar.wide, ~uint64_t{0});
  const uint32_t mask_low = config_.Read32(low) & ~kBarFlags;
  const uint32_t mask_high = bar.wide ? config_.Read32(low + 4) : mask_low != 0 ? ~uint32_t{0} : 0;
  WriteBar(index, bar.wide, bar.address | (old_low & kBarFlags));
  config_.Write16(kPciCommand, command);
  // 0 if no bit stuck. What bits with gaps between them mean, only a broken device could say.
  const uint64_t size = ~(uint64_t{mask_high} << 32 | mask_low) + 1;
  if (std::has_single_bit(size)) bar.size = size;
  return bar;
}

void PciFunction::WriteBar(uint32_t index, bool wide, uint64_t address) const {
  const uint64_t low = kPciBar0 + 4 * index;
  config_.Write32(low, static_cast<uint32_t>(address));
  if (wide) config_.Write32(low + 4, static_cast<uint32_t>(address >> 32));
}

Result<PciRegisters> PciFunction::MapBar(uint32_t index) {
  if (index >= kPciBars) return Status::kCorrupt;
  if (bars_[index].size() != 0) return bars_[index];
  if ((config_.Read32(kPciBar0 + 4 * index) & kBarIo) != 0) return Status::kCorrupt;
  const PciBar bar = ReadBar(index);
  if (bar.address == 0 || bar.size == 0 || bar.size > kMaxBarBytes) return Status::kNotSupported;
  const auto start = host_->ToPhysical(bar.address, bar.size);
  if (!start.ok()) return start.status();
  // BARs can be smaller than a page.
  const uint64_t first = AlignDown(Raw(*start), kPageSize);
  const uint64_t end = AlignUp(Raw(*start) + bar.size, kPageSize);
  if (end <= first) return Status::kCorrupt;
  const auto bytes = platform_->MapDevice(static_cast<HostPhysical>(first), end - first);
  if (!bytes.ok()) return bytes.status();
  bars_[index] = PciRegisters(platform_, *bytes + (Raw(*start) - first), bar.size);
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
