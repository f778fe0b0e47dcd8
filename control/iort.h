// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CONTROL_IORT_H_
#define BULKHEAD_CONTROL_IORT_H_

// The I/O remapping table of Arm machines with ACPI (Arm DEN 0049, issue E.e): what the interrupt
// controller calls the PCI devices.

#include <cstddef>
#include <span>

#include "drivers/pci/pci_host.h"

namespace bulkhead {

// Adds to `out` which device ids the requester ids of PCI segment 0 have at the ITS. `table` is
// whole, with a good checksum. Returns what is wrong, in one phrase, static; nullptr if nothing is.
// Refused are tables with a device memory access that is not coherent, and with messages to more
// than one group of ITSs.
const char* ReadIort(std::span<const std::byte> table, PciHost& out);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROL_IORT_H_
