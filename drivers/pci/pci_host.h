// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_DRIVERS_PCI_PCI_HOST_H_
#define BULKHEAD_DRIVERS_PCI_PCI_HOST_H_

#include <array>
#include <cstdint>
#include <span>

#include "base/address.h"
#include "base/status.h"

namespace bulkhead {

inline constexpr uint32_t kMaxPciWindows = 4;
inline constexpr uint32_t kMaxPciMsiRanges = 8;

// Memory addresses on the bus that the host bridge passes on from the CPUs.
struct PciWindow {
  uint64_t bus_address = 0;
  HostPhysical start{};  // what the CPUs use for it
  uint64_t length = 0;   // bytes
  bool prefetchable = false;
};

// Requester ids [requester, requester + count) are devices [device, device + count) to the
// interrupt controller.
struct PciMsiRange {
  uint32_t requester = 0;
  uint32_t device = 0;
  uint32_t count = 0;
};

// A PCI host bridge, as the firmware describes it.
class PciHost {
 public:
  HostPhysical ecam{};    // configuration space of bus 0, whatever first_bus is
  uint8_t first_bus = 0;  // buses to be searched
  uint8_t last_bus = 0;

  // False: there is no room for one more, it is empty, wraps, or overlaps another on the bus.
  bool AddWindow(const PciWindow& window);
  // False: there is no room for one more, or it wraps.
  bool AddMsiRange(const PciMsiRange& range);
  std::span<const PciWindow> windows() const { return {windows_.data(), window_count_}; }

  // Where the CPUs find [address, address + length) of the bus: nowhere (kNotFound) outside the
  // windows; the same address if no windows are known.
  Result<HostPhysical> ToPhysical(uint64_t address, uint64_t length) const;
  // What the interrupt controller calls the device with this requester id (bus << 8 | device << 3 |
  // function): kNotFound if its messages do not get there; the requester id itself if no ranges are
  // known.
  Result<uint32_t> MsiDevice(uint32_t requester) const;

 private:
  std::array<PciWindow, kMaxPciWindows> windows_ = {};
  std::array<PciMsiRange, kMaxPciMsiRanges> msi_ranges_ = {};
  uint32_t window_count_ = 0;
  uint32_t msi_range_count_ = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_DRIVERS_PCI_PCI_HOST_H_
