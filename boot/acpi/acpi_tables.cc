// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/acpi/acpi_tables.h"

#include <algorithm>
#include <optional>

#include "boot/acpi/acpi_sleep_type.h"
#include "boot/acpi/fields.h"

namespace bulkhead {
namespace {

// Offsets of fields. 5.2.5.3, Root System Description Pointer:
constexpr size_t kRsdpRevision = 15;
constexpr size_t kRsdpRsdt = 16;
constexpr size_t kRsdpLengthV1 = 20;
constexpr size_t kRsdpLengthField = 20;
constexpr size_t kRsdpXsdt = 24;
constexpr size_t kRsdpLengthV2 = 36;
// 5.2.6, System Description Table Header:
constexpr size_t kTableLengthField = 4;
// 5.2.9, Fixed ACPI Description Table:
constexpr size_t kFadtDsdt = 40;
constexpr size_t kFadtSmiCommand = 48;
constexpr size_t kFadtAcpiEnable = 52;
constexpr size_t kFadtPm1aControl = 64;
constexpr size_t kFadtPm1bControl = 68;
constexpr size_t kFadtFlags = 112;
constexpr uint32_t kFadtLengthV1 = 116;
constexpr size_t kFadtResetRegister = 116;
constexpr size_t kFadtResetValue = 128;
constexpr size_t kFadtXDsdt = 140;
constexpr size_t kFadtXPm1aControl = 172;
constexpr size_t kFadtXPm1bControl = 184;
constexpr size_t kFadtSleepControl = 244;
constexpr uint32_t kFlagResetRegister = 1U << 10;
constexpr uint32_t kFlagHardwareReduced = 1U << 20;
// 4.8.3.2.1, PM1 control: SLP_TYPx is bits 12:10, SLP_EN bit 13.
constexpr uint32_t kPm1TypeShift = 10;
constexpr uint32_t kPm1TypeMask = 7U << kPm1TypeShift;
constexpr uint32_t kPm1Enable = 1U << 13;
// 4.8.3.7, sleep control: SLP_TYPx is bits 4:2, SLP_EN bit 5.
constexpr uint32_t kSleepTypeShift = 2;
constexpr uint32_t kSleepEnable = 1U << 5;
// PCI Firmware Specification 3.3, 4.1.2.
constexpr uint32_t kMcfgEntries = 44;
constexpr size_t kMcfgEntryLength = 16;

constexpr uint64_t kLastPort = 0xffff;
constexpr uint64_t kBusSize = 1 << 20;  // bytes of ECAM space

using acpi::Bytes;
using acpi::Read;
using acpi::Read32;

uint8_t Sum(Bytes bytes) {
  uint32_t sum = 0;
  for (const std::byte byte : bytes) sum += std::to_integer<uint32_t>(byte);
  return static_cast<uint8_t>(sum);
}

bool HasSignature(Bytes bytes, AcpiSignature signature) {
  return bytes.size() >= 4 &&
         std::equal(signature.text.begin(), signature.text.end(), bytes.begin(),
                    [](char c, std::byte byte) { return static_cast<std::byte>(c) == byte; });
}

// A register of `width` bytes; width 0 if the generic address names none that could be used.
RegisterWrite ReadGenericAddress(Bytes table, size_t offset, uint8_t width) {
  RegisterWrite out;
  if (offset + acpi::kGenericAddressLength > table.size()) return out;
  const uint64_t space = Read(table, offset, 1);
  out.address = Read(table, offset + acpi::kGenericAddress, 8);
  if (space > static_cast<uint64_t>(RegisterSpace::kPort) || out.address == 0) return out;
  out.space = static_cast<RegisterSpace>(space);
  const uint64_t last = out.space == RegisterSpace::kPort ? kLastPort : UINT64_MAX;
  if (out.address > last - (width - 1U)) return out;
  out.width = width;
  return out;
}

// A PM1 control register: the generic address if it is given, otherwise the old I/O port.
RegisterWrite ReadPm1Control(Bytes fadt, size_t generic, size_t port) {
  constexpr uint8_t kWidth = 2;
  RegisterWrite out = ReadGenericAddress(fadt, generic, kWidth);
  if (out.width == 0) {
    out = {.address = Read32(fadt, port)};
    if (out.address != 0 && out.address < kLastPort) out.width = kWidth;
  }
  out.clear = kPm1TypeMask | kPm1Enable;
  out.set = kPm1Enable;
  return out;
}

const char* Describe(AcpiErrorKind kind) {
  switch (kind) {
    case AcpiErrorKind::kNone:
      return "no error";
    case AcpiErrorKind::kUnreadable:
      return "cannot be read";
    case AcpiErrorKind::kBadSignature:
      return "bad signature";
    case AcpiErrorKind::kBadLength:
      return "bad length";
    case AcpiErrorKind::kBadChecksum:
      return "bad checksum";
    case AcpiErrorKind::kTooManyTables:
      return "too many tables";
    case AcpiErrorKind::kMissing:
      return "there is none";
    case AcpiErrorKind::kNoRegister:
      return "no usable register";
    case AcpiErrorKind::kNoSleepType:
      return "no \\_S5 sleep type found";
    case AcpiErrorKind::kBadConfiguration:
      return "no usable PCI configuration space";
    case AcpiErrorKind::kBadGic:
      return "no usable interrupt controller";
    case AcpiErrorKind::kBadTimer:
      return "no usable timer";
  }
  return "unknown error";
}

constexpr AcpiSignature kRsdp("RSDP");
constexpr AcpiSignature kRsdt("RSDT");
constexpr AcpiSignature kXsdt("XSDT");
constexpr AcpiSignature kFadt("FACP");
constexpr AcpiSignature kDsdt("DSDT");
constexpr AcpiSignature kMcfg("MCFG");

}  // namespace

TextWriter& operator<<(TextWriter& out, const AcpiError& error) {
  out << "ACPI: table ";
  for (const char c : error.table.text) out << (c >= ' ' && c <= '~' ? c : '?');
  if (error.address != 0) out << " at " << Hex{error.address};
  return out << ": " << Describe(error.kind);
}

AcpiError AcpiTables::Open(uint64_t rsdp) {
  count_ = 0;
  if (rsdp == 0) return {AcpiErrorKind::kMissing, kRsdp, 0};
  Bytes root = reader_.Map(rsdp, kRsdpLengthV1);
  if (root.size() < kRsdpLengthV1) return {AcpiErrorKind::kUnreadable, kRsdp, rsdp};
  // "RSD PTR " with the blank at its end.
  if (!HasSignature(root, AcpiSignature("RSD ")) ||
      !HasSignature(root.subspan(4), AcpiSignature("PTR "))) {
    return {AcpiErrorKind::kBadSignature, kRsdp, rsdp};
  }
  if (Sum(root.first(kRsdpLengthV1)) != 0) return {AcpiErrorKind::kBadChecksum, kRsdp, rsdp};
  const uint64_t rsdt = Read32(root, kRsdpRsdt);
  if (Read(root, kRsdpRevision, 1) >= 2) {
    root = reader_.Map(rsdp, kRsdpLengthV2);
    if (root.size() < kRsdpLengthV2) return {AcpiErrorKind::kUnreadable, kRsdp, rsdp};
    if (Read32(root, kRsdpLengthField) < kRsdpLengthV2) {
      return {AcpiErrorKind::kBadLength, kRsdp, rsdp};
    }
    if (Sum(root.first(kRsdpLengthV2)) != 0) return {AcpiErrorKind::kBadChecksum, kRsdp, rsdp};
    if (const uint64_t xsdt = Read(root, kRsdpXsdt, 8); xsdt != 0) return ReadList(xsdt, true);
  }
  return ReadList(rsdt, false);
}

AcpiError AcpiTables::ReadList(uint64_t physical, bool extended) {
  const AcpiSignature signature = extended ? kXsdt : kRsdt;
  const size_t width = extended ? 8 : 4;
  Bytes table;
  const AcpiError error = MapTable(signature, physical, acpi::kHeaderLength, table);
  if (!error.ok()) return error;
  const size_t count = (table.size() - acpi::kHeaderLength) / width;
  if (count > tables_.size()) return {AcpiErrorKind::kTooManyTables, signature, physical};
  for (size_t i = 0; i < count; ++i) {
    tables_[i] = Read(table, acpi::kHeaderLength + i * width, width);
  }
  count_ = static_cast<uint32_t>(count);
  return {};
}

AcpiError AcpiTables::MapTable(AcpiSignature signature, uint64_t physical, uint32_t minimum,
                               Bytes& table) {
  if (physical == 0) return {AcpiErrorKind::kMissing, signature, 0};
  const Bytes header = reader_.Map(physical, acpi::kHeaderLength);
  if (header.size() < acpi::kHeaderLength) return {AcpiErrorKind::kUnreadable, signature, physical};
  if (!HasSignature(header, signature)) return {AcpiErrorKind::kBadSignature, signature, physical};
  const uint32_t length = Read32(header, kTableLengthField);
  if (length < minimum || length > kMaxAcpiTableLength || physical > UINT64_MAX - length) {
    return {AcpiErrorKind::kBadLength, signature, physical};
  }
  table = reader_.Map(physical, length);
  if (table.size() < length) return {AcpiErrorKind::kUnreadable, signature, physical};
  table = table.first(length);
  if (Sum(table) != 0) return {AcpiErrorKind::kBadChecksum, signature, physical};
  return {};
}

AcpiError AcpiTables::FindTable(AcpiSignature signature, uint32_t minimum, uint64_t& physical,
                                Bytes& table) {
  for (const uint64_t candidate : std::span(tables_).first(count_)) {
    if (candidate == 0 || !HasSignature(reader_.Map(candidate, acpi::kHeaderLength), signature))
      continue;
    physical = candidate;
    return MapTable(signature, candidate, minimum, table);
  }
  return {AcpiErrorKind::kMissing, signature, 0};
}

AcpiError AcpiTables::Find(AcpiSignature signature, uint64_t& physical, uint32_t& length) {
  Bytes table;
  const AcpiError error = FindTable(signature, acpi::kHeaderLength, physical, table);
  length = static_cast<uint32_t>(table.size());
  return error;
}

AcpiError AcpiTables::ReadSleepType(uint64_t dsdt, std::array<uint8_t, 2>& type) {
  Bytes table;
  const AcpiError error = MapTable(kDsdt, dsdt, acpi::kHeaderLength, table);
  if (!error.ok()) return error;
  const auto found = FindSleepType(table.subspan(acpi::kHeaderLength));
  if (!found) return {AcpiErrorKind::kNoSleepType, kDsdt, dsdt};
  type = *found;
  return {};
}

AcpiError AcpiTables::ReadPowerOff(PowerOff& out) {
  out = {};
  uint64_t physical = 0;
  Bytes fadt;
  AcpiError error = FindTable(kFadt, kFadtLengthV1, physical, fadt);
  if (!error.ok()) return error;

  // Everything is read before the DSDT is mapped: the mapping of the FADT ends there.
  const bool reduced = (Read32(fadt, kFadtFlags) & kFlagHardwareReduced) != 0;
  RegisterWrite a = reduced ? ReadGenericAddress(fadt, kFadtSleepControl, 1)
                            : ReadPm1Control(fadt, kFadtXPm1aControl, kFadtPm1aControl);
  RegisterWrite b =
      reduced ? RegisterWrite{} : ReadPm1Control(fadt, kFadtXPm1bControl, kFadtPm1bControl);
  if (a.width == 0) return {AcpiErrorKind::kNoRegister, kFadt, physical};
  const uint64_t smi_command = Read32(fadt, kFadtSmiCommand);
  const uint8_t acpi_enable = static_cast<uint8_t>(Read(fadt, kFadtAcpiEnable, 1));
  const uint64_t x_dsdt = Read(fadt, kFadtXDsdt, 8);
  const uint64_t dsdt = x_dsdt != 0 ? x_dsdt : Read32(fadt, kFadtDsdt);

  std::array<uint8_t, 2> type = {};
  error = ReadSleepType(dsdt, type);
  if (!error.ok()) return error;

  if (reduced) {
    // The whole register: its other bits are reserved or ignored.
    a.clear = 0xff;
    a.set = uint32_t{type[0]} << kSleepTypeShift | kSleepEnable;
    out.kind = PowerOffKind::kSleepControl;
  } else {
    a.set |= uint32_t{type[0]} << kPm1TypeShift;
    b.set |= uint32_t{type[1]} << kPm1TypeShift;
    // 4.8.2.5: a machine without SMI_CMD or ACPI_ENABLE is always in ACPI mode.
    if (smi_command <= kLastPort && acpi_enable != 0) {
      out.smi_port = static_cast<uint16_t>(smi_command);
      out.acpi_enable = acpi_enable;
    }
  }
  out.first = a;
  if (b.width != 0) out.second = b;
  return {};
}

AcpiError AcpiTables::ReadReset(RegisterWrite& out) {
  out = {};
  uint64_t physical = 0;
  Bytes fadt;
  const AcpiError error = FindTable(kFadt, kFadtLengthV1, physical, fadt);
  if (!error.ok()) return error;
  if ((Read32(fadt, kFadtFlags) & kFlagResetRegister) != 0 && fadt.size() > kFadtResetValue) {
    out = ReadGenericAddress(fadt, kFadtResetRegister, 1);
  }
  if (out.width == 0) return {AcpiErrorKind::kNoRegister, kFadt, physical};
  out.clear = 0xff;
  out.set = static_cast<uint32_t>(Read(fadt, kFadtResetValue, 1));
  return {};
}

AcpiError AcpiTables::ReadEcam(Ecam& out) {
  out = {};
  uint64_t physical = 0;
  Bytes mcfg;
  const AcpiError error = FindTable(kMcfg, kMcfgEntries, physical, mcfg);
  if (!error.ok()) return error;
  for (size_t at = kMcfgEntries; mcfg.size() - at >= kMcfgEntryLength; at += kMcfgEntryLength) {
    if (Read(mcfg, at + 8, 2) != 0) continue;  // another segment
    const uint64_t base = Read(mcfg, at, 8);
    const auto first = static_cast<uint8_t>(Read(mcfg, at + 10, 1));
    const auto last = static_cast<uint8_t>(Read(mcfg, at + 11, 1));
    if (base == 0 || base % kBusSize != 0 || first > last || base > UINT64_MAX - 256 * kBusSize) {
      break;
    }
    out = {base, first, last};
    return {};
  }
  return {AcpiErrorKind::kBadConfiguration, kMcfg, physical};
}

}  // namespace bulkhead
