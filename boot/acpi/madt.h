// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_ACPI_MADT_H_
#define BULKHEAD_BOOT_ACPI_MADT_H_

// The MADT (ACPI 6.4, 5.2.12): structures of a type and a length follow its own fields.

#include <cstddef>
#include <cstdint>

#include "boot/acpi/acpi_tables.h"
#include "boot/acpi/fields.h"

namespace bulkhead::acpi {

inline constexpr AcpiSignature kMadt("APIC");
inline constexpr uint32_t kMadtStructures = 44;
inline constexpr size_t kStructureHeader = 2;

// A GICC structure (5.2.12.14).
inline constexpr uint64_t kTypeGicc = 0xb;
inline constexpr size_t kGiccFlags = 12;
inline constexpr uint32_t kGiccEnabled = 1;
inline constexpr size_t kGiccMpidr = 68;
inline constexpr size_t kGiccLength = 76;

// Calls `visit` with the type and the bytes of each structure. False if one is malformed.
template <typename Visit>
bool ForEachStructure(Bytes table, Visit visit) {
  Bytes rest = table.subspan(kMadtStructures);
  while (!rest.empty()) {
    const uint64_t length = Read(rest, 1, 1);
    if (length < kStructureHeader || length > rest.size()) return false;
    visit(Read(rest, 0, 1), rest.first(length));
    rest = rest.subspan(length);
  }
  return true;
}

}  // namespace bulkhead::acpi

#endif  // BULKHEAD_BOOT_ACPI_MADT_H_
