// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_DRIVERS_PCI_BAR_ASSIGNER_H_
#define BULKHEAD_DRIVERS_PCI_BAR_ASSIGNER_H_

#include <array>
#include <cstdint>

#include "base/status.h"
#include "drivers/pci/pci.h"
#include "drivers/pci/pci_host.h"

namespace bulkhead {

// Gives addresses to the memory BARs of devices, where no firmware has: on a machine that was
// started without any. For functions on the host bridge's first bus; nothing is set up behind
// bridges. One assigner for a host bridge, which must outlive it.
class PciBarAssigner {
 public:
  explicit PciBarAssigner(const PciHost& host);

  // Leaves `function` with an address in each memory BAR. If all have one, firmware was there, and
  // nothing is changed. Otherwise:
  //   kNotSupported  the host bridge's windows are not known, or the function is a bridge or behind
  //                  one
  //   kBusy          something on the bus answers memory accesses already: where is not known, so
  //                  no place is known to be free
  //   kNoMemory      no window has room
  //   kCorrupt       a BAR does not keep what is written to it
  Status Assign(DriverPlatform& platform, const PciFunction& function);

 private:
  struct Place {
    uint32_t window;
    uint64_t address;  // on the bus
  };
  Result<Place> FindPlace(const PciBar& bar) const;

  const PciHost& host_;
  std::array<uint64_t, kMaxPciWindows> next_ = {};  // first free bus address of each window
};

}  // namespace bulkhead

#endif  // BULKHEAD_DRIVERS_PCI_BAR_ASSIGNER_H_
