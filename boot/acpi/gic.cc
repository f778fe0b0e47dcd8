// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The interrupt controller and the timers of an Arm machine.

#include "boot/acpi/acpi_tables.h"
#include "boot/acpi/fields.h"
#include "boot/acpi/madt.h"

namespace bulkhead {
namespace {

using acpi::Bytes;
using acpi::ForEachStructure;
using acpi::kGiccEnabled;
using acpi::kGiccFlags;
using acpi::kGiccLength;
using acpi::kMadt;
using acpi::kMadtStructures;
using acpi::kTypeGicc;
using acpi::Read;
using acpi::Read32;

constexpr AcpiSignature kGtdt("GTDT");

// 5.2.12, MADT.
constexpr uint64_t kTypeGicd = 0xc;  // 5.2.12.15
constexpr uint64_t kTypeGicr = 0xe;  // 5.2.12.17
constexpr uint64_t kTypeIts = 0xf;   // 5.2.12.18
constexpr size_t kGiccMaintenance = 56;
constexpr size_t kGiccRedistributor = 60;
constexpr size_t kGicdBase = 8;
constexpr size_t kGicdVersion = 20;
constexpr size_t kGicdLength = 24;
constexpr size_t kGicrBase = 4;
constexpr size_t kGicrRange = 12;
constexpr size_t kGicrLength = 16;
constexpr size_t kItsBase = 8;
constexpr size_t kItsLength = 20;

// 5.2.25, GTDT: interrupts of the timers.
constexpr size_t kGtdtPhysical = 56;
constexpr size_t kGtdtVirtual = 64;
constexpr size_t kGtdtHypervisor = 72;
constexpr uint32_t kGtdtLength = 80;

// Arm IHI 0069, 12.10: a redistributor's frames, two of 64 KiB; with GICv4 two more.
constexpr uint64_t kRedistributorV3 = 0x20000;
constexpr uint64_t kRedistributorV4 = 0x40000;

bool IsPrivatePeripheral(uint32_t intid) { return intid >= 16 && intid < 32; }

// What the MADT says, as far as the structures so far tell.
struct Madt {
  GicInfo* out;
  uint64_t version = 0;  // of GIC; 0: not said
  bool fits = true;      // as many regions as `out` has room for

  // A region of redistributors; one that follows another directly is part of it.
  void AddRegion(uint64_t start, uint64_t length) {
    if (start == 0 || length == 0) return;
    if (out->redistributor_count != 0) {
      GicInfo::Range& last = out->redistributors[out->redistributor_count - 1];
      if (last.start + last.length == start) {
        last.length += length;
        return;
      }
    }
    fits = fits && out->redistributor_count < kMaxRedistributorRegions;
    if (fits) out->redistributors[out->redistributor_count++] = {start, length};
  }
};

void ReadDistributor(Bytes structure, Madt& madt) {
  if (structure.size() < kGicdLength || madt.out->distributor != 0) return;
  madt.out->distributor = Read(structure, kGicdBase, 8);
  madt.version = Read(structure, kGicdVersion, 1);
}

void ReadOther(uint64_t type, Bytes structure, Madt& madt) {
  if (type == kTypeGicr && structure.size() >= kGicrLength) {
    madt.AddRegion(Read(structure, kGicrBase, 8), Read32(structure, kGicrRange));
  }
  if (type == kTypeIts && structure.size() >= kItsLength && madt.out->its == 0) {
    madt.out->its = Read(structure, kItsBase, 8);
  }
}

// Where there are no regions, each CPU names its own redistributor.
void ReadCpu(Bytes structure, bool with_redistributors, Madt& madt) {
  if (structure.size() < kGiccLength) return;
  if ((Read32(structure, kGiccFlags) & kGiccEnabled) == 0) return;
  if (madt.out->maintenance_interrupt == 0) {
    madt.out->maintenance_interrupt = Read32(structure, kGiccMaintenance);
  }
  if (!with_redistributors) return;
  madt.AddRegion(Read(structure, kGiccRedistributor, 8),
                 madt.version == 4 ? kRedistributorV4 : kRedistributorV3);
}

}  // namespace

AcpiError AcpiTables::ReadMadt(GicInfo& out) {
  uint64_t physical = 0;
  Bytes table;
  const AcpiError error = FindTable(kMadt, kMadtStructures, physical, table);
  if (!error.ok()) return error;

  Madt madt = {.out = &out};
  bool good = ForEachStructure(table, [&madt](uint64_t type, Bytes structure) {
    if (type == kTypeGicd) ReadDistributor(structure, madt);
    ReadOther(type, structure, madt);
  });
  // Version 0 is for older firmware: there, regions of redistributors tell.
  if (out.distributor == 0 || madt.version == 1 || madt.version == 2) {
    out = {};
    return good ? AcpiError{} : AcpiError{AcpiErrorKind::kBadGic, kMadt, physical};
  }
  const bool by_cpu = out.redistributor_count == 0;
  ForEachStructure(table, [&madt, by_cpu](uint64_t type, Bytes structure) {
    if (type == kTypeGicc) ReadCpu(structure, by_cpu, madt);
  });
  good = good && madt.fits && out.redistributor_count != 0 &&
         IsPrivatePeripheral(out.maintenance_interrupt);
  return good ? AcpiError{} : AcpiError{AcpiErrorKind::kBadGic, kMadt, physical};
}

AcpiError AcpiTables::ReadGtdt(GicInfo& out) {
  uint64_t physical = 0;
  Bytes table;
  const AcpiError error = FindTable(kGtdt, kGtdtLength, physical, table);
  if (!error.ok()) return error;
  out.physical_timer_interrupt = Read32(table, kGtdtPhysical);
  out.virtual_timer_interrupt = Read32(table, kGtdtVirtual);
  out.hypervisor_timer_interrupt = Read32(table, kGtdtHypervisor);
  if (!IsPrivatePeripheral(out.physical_timer_interrupt) ||
      !IsPrivatePeripheral(out.virtual_timer_interrupt) ||
      !IsPrivatePeripheral(out.hypervisor_timer_interrupt)) {
    return {AcpiErrorKind::kBadTimer, kGtdt, physical};
  }
  return {};
}

AcpiError AcpiTables::ReadGic(GicInfo& out) {
  out = {};
  AcpiError error = ReadMadt(out);
  if (error.ok() && out.distributor != 0) error = ReadGtdt(out);
  if (!error.ok()) out = {};
  return error;
}

}  // namespace bulkhead
