// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The firmware's console (Microsoft, Serial Port Console Redirection Table, 1.07).

#include "boot/acpi/acpi_tables.h"
#include "boot/acpi/fields.h"

namespace bulkhead {
namespace {

using acpi::Bytes;
using acpi::Read;

constexpr AcpiSignature kSpcr("SPCR");
constexpr size_t kInterfaceType = 36;
constexpr size_t kBaseAddress = 40;
constexpr uint32_t kSpcrLength = kBaseAddress + acpi::kGenericAddressLength;

// Debug Port Table 2 (Microsoft), table 3: serial port subtypes.
enum : uint8_t {
  k16550 = 0x00,
  k16550Subset = 0x01,
  kArmPl011 = 0x03,
  kArmSbsa32 = 0x0d,  // a PL011 without its modem lines, reached with 32-bit accesses
  kArmSbsa = 0x0e,
  k16550Generic = 0x12,
};

SerialKind KindOf(uint64_t type, RegisterSpace space) {
  switch (type) {
    case kArmPl011:
    case kArmSbsa32:
    case kArmSbsa:
      return space == RegisterSpace::kMemory ? SerialKind::kPl011 : SerialKind::kNone;
    case k16550:
    case k16550Subset:
    case k16550Generic:
      return space == RegisterSpace::kPort ? SerialKind::kPort16550 : SerialKind::kNone;
    default:
      return SerialKind::kNone;
  }
}

}  // namespace

AcpiError AcpiTables::ReadSerial(SerialKind& kind, uint64_t& address) {
  kind = SerialKind::kNone;
  address = 0;
  uint64_t physical = 0;
  Bytes table;
  const AcpiError error = FindTable(kSpcr, kSpcrLength, physical, table);
  if (!error.ok()) return error;
  const uint64_t at = Read(table, kBaseAddress + acpi::kGenericAddress, 8);
  const uint64_t space = Read(table, kBaseAddress, 1);
  // An address of 0 says that redirection is off.
  if (at == 0 || space > static_cast<uint64_t>(RegisterSpace::kPort)) return {};
  kind = KindOf(Read(table, kInterfaceType, 1), static_cast<RegisterSpace>(space));
  if (kind != SerialKind::kNone) address = at;
  return {};
}

}  // namespace bulkhead
