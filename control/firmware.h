// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CONTROL_FIRMWARE_H_
#define BULKHEAD_CONTROL_FIRMWARE_H_

#include <cstddef>
#include <span>

#include "base/format.h"
#include "boot/acpi/acpi_tables.h"
#include "control/firmware_tree.h"
#include "control/physical.h"
#include "drivers/pci/pci_host.h"
#include "hypervisor/abi/types.h"

namespace bulkhead {

// How firmware describes the machine: by ACPI tables, by a devicetree, or by both; then the tables
// are believed.
class Firmware {
 public:
  explicit Firmware(AddressArea& area)
      : table_memory_(area), tree_memory_(area), tables_(table_memory_) {}
  Firmware(const Firmware&) = delete;
  Firmware& operator=(const Firmware&) = delete;

  // Opens what there is, and logs what is wrong with it.
  void Open(const abi::RootInfo& info);

  // Where PCI devices are. False: not to be found out, and `why` says why.
  bool FindPciHost(PciHost& out, TextWriter& why);

  // The machine's processors, as AcpiTables::ReadProcessors.
  uint32_t FindProcessors(std::span<uint64_t> ids);

  // Random bytes that firmware gave for seeding; empty if there are none.
  std::span<const std::byte> Seed() const;

  // Null if there are none that can be used.
  AcpiTables* tables() { return have_tables_ ? &tables_ : nullptr; }

 private:
  void OpenTree(const abi::RootInfo& info);
  bool ReadTables(PciHost& out, TextWriter& why);

  FirmwareMemory table_memory_;
  FirmwareMemory tree_memory_;
  AcpiTables tables_;
  FirmwareTree tree_;
  bool have_tables_ = false;
  bool have_tree_ = false;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROL_FIRMWARE_H_
