// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The machine's processors, by the MADT (5.2.12).

#include "boot/acpi/acpi_tables.h"
#include "boot/acpi/fields.h"
#include "boot/acpi/madt.h"

namespace bulkhead {
namespace {

using acpi::Bytes;
using acpi::Read;
using acpi::Read32;

constexpr uint64_t kTypeLocalApic = 0;  // 5.2.12.2
constexpr size_t kLocalApicId = 3;
constexpr size_t kLocalApicFlags = 4;
constexpr size_t kLocalApicLength = 8;
constexpr uint64_t kTypeLocalX2Apic = 9;  // 5.2.12.12
constexpr size_t kLocalX2ApicId = 4;
constexpr size_t kLocalX2ApicFlags = 8;
constexpr size_t kLocalX2ApicLength = 16;
constexpr uint32_t kEnabled = 1;  // those without may only be plugged in later

// What the processor is called if the structure stands for one that is there.
bool ProcessorOf(uint64_t type, Bytes structure, uint64_t& id) {
  if (type == kTypeLocalApic && structure.size() >= kLocalApicLength) {
    id = Read(structure, kLocalApicId, 1);
    return (Read32(structure, kLocalApicFlags) & kEnabled) != 0;
  }
  if (type == kTypeLocalX2Apic && structure.size() >= kLocalX2ApicLength) {
    id = Read32(structure, kLocalX2ApicId);
    return (Read32(structure, kLocalX2ApicFlags) & kEnabled) != 0;
  }
  if (type == acpi::kTypeGicc && structure.size() >= acpi::kGiccLength) {
    id = Read(structure, acpi::kGiccMpidr, 8);
    return (Read32(structure, acpi::kGiccFlags) & acpi::kGiccEnabled) != 0;
  }
  return false;
}

}  // namespace

AcpiError AcpiTables::ReadProcessors(std::span<uint64_t> ids, uint32_t& count) {
  count = 0;
  uint64_t physical = 0;
  Bytes table;
  const AcpiError error = FindTable(acpi::kMadt, acpi::kMadtStructures, physical, table);
  if (!error.ok()) return error;
  acpi::ForEachStructure(table, [&](uint64_t type, Bytes structure) {
    uint64_t id = 0;
    if (count < ids.size() && ProcessorOf(type, structure, id)) ids[count++] = id;
  });
  return {};
}

}  // namespace bulkhead
