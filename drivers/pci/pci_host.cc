// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "drivers/pci/pci_host.h"

#include "base/align.h"

namespace bulkhead {

bool PciHost::AddWindow(const PciWindow& window) {
  if (window_count_ == kMaxPciWindows || window.length == 0 ||
      !RangeWithin(window.bus_address, window.length, ~uint64_t{0}) ||
      !RangeWithin(Raw(window.start), window.length, ~uint64_t{0})) {
    return false;
  }
  for (const PciWindow& other : windows()) {
    if (window.bus_address < other.bus_address + other.length &&
        other.bus_address < window.bus_address + window.length) {
      return false;
    }
  }
  windows_[window_count_++] = window;
  return true;
}

bool PciHost::AddMsiRange(const PciMsiRange& range) {
  if (msi_range_count_ == kMaxPciMsiRanges ||
      !RangeWithin(range.requester, range.count, ~uint32_t{0}) ||
      !RangeWithin(range.device, range.count, ~uint32_t{0})) {
    return false;
  }
  msi_ranges_[msi_range_count_++] = range;
  return true;
}

Result<HostPhysical> PciHost::ToPhysical(uint64_t address, uint64_t length) const {
  if (window_count_ == 0) return static_cast<HostPhysical>(address);
  for (const PciWindow& window : windows()) {
    if (address >= window.bus_address &&
        RangeWithin(address - window.bus_address, length, window.length)) {
      return window.start + (address - window.bus_address);
    }
  }
  return Status::kNotFound;
}

Result<uint32_t> PciHost::MsiDevice(uint32_t requester) const {
  if (msi_range_count_ == 0) return requester;
  for (const PciMsiRange& range : std::span(msi_ranges_).first(msi_range_count_)) {
    if (requester >= range.requester && requester - range.requester < range.count) {
      return range.device + (requester - range.requester);
    }
  }
  return Status::kNotFound;
}

}  // namespace bulkhead
