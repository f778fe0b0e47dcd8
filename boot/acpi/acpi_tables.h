// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_ACPI_ACPI_TABLES_H_
#define BULKHEAD_BOOT_ACPI_ACPI_TABLES_H_

// The firmware's ACPI tables, as far as loader and supervisor need them: how to power off, how to
// reset, where PCI configuration space is, and on Arm the interrupt controller, the timers and the
// UART. Section numbers are those of ACPI 6.4.
//
// The tables come from the machine's firmware, which may be wrong: everything is checked against
// the lengths and checksums of the tables and against the limits below. No AML is executed.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/format.h"
#include "boot/boot_info.h"

namespace bulkhead {

inline constexpr uint32_t kMaxAcpiTables = 128;           // entries of an RSDT or XSDT
inline constexpr uint32_t kMaxAcpiTableLength = 4 << 20;  // bytes of one table

// Physical memory with ACPI tables in it.
class PhysicalReader {
 public:
  // Bytes [physical, physical + length), which need not be aligned; empty if they cannot be read.
  // What is returned stays readable until the next call.
  virtual std::span<const std::byte> Map(uint64_t physical, uint64_t length) = 0;

 protected:
  ~PhysicalReader() = default;
};

// The four characters that name a table, as they stand in memory.
struct AcpiSignature {
  std::array<char, 4> text;

  constexpr AcpiSignature() : text{} {}
  constexpr explicit AcpiSignature(const char (&name)[5])
      : text{name[0], name[1], name[2], name[3]} {}
  friend bool operator==(const AcpiSignature&, const AcpiSignature&) = default;
};

enum class AcpiErrorKind : uint8_t {
  kNone,
  kUnreadable,        // physical memory there cannot be read
  kBadSignature,      // something else is where the table should be
  kBadLength,         // shorter than its kind of table, or longer than kMaxAcpiTableLength
  kBadChecksum,       // the bytes do not add up to zero
  kTooManyTables,     // more than kMaxAcpiTables
  kMissing,           // there is no such table
  kNoRegister,        // the table names no register that could be used
  kNoSleepType,       // no \_S5 could be found in the DSDT (see AcpiTables::ReadPowerOff)
  kBadConfiguration,  // MCFG: bus range, alignment or address makes no sense
  kBadGic,            // MADT: no distributor, no or too many redistributors, or no interrupt
  kBadTimer,          // GTDT: a timer's interrupt is none of a CPU's own
};

struct AcpiError {
  AcpiErrorKind kind = AcpiErrorKind::kNone;
  AcpiSignature table;   // "RSDP" for the root pointer
  uint64_t address = 0;  // physical; 0 where there is none

  bool ok() const { return kind == AcpiErrorKind::kNone; }
};

// Writes one line without a line end: "ACPI: table FACP at 0x7fe1000: bad checksum".
TextWriter& operator<<(TextWriter& out, const AcpiError& error);

// A store to a hardware register: new value = (old value & ~clear) | set. Where every bit is
// cleared the old value need not be read.
enum class RegisterSpace : uint8_t { kMemory = 0, kPort = 1 };  // 5.2.3.2, Address Space ID
struct RegisterWrite {
  RegisterSpace space = RegisterSpace::kPort;
  uint8_t width = 0;  // bytes: 1, 2 or 4; 0: there is no such register
  uint64_t address = 0;
  uint32_t clear = 0;
  uint32_t set = 0;
};

enum class PowerOffKind : uint8_t {
  kPm1Control,    // PM1a_CNT, and PM1b_CNT if the machine has one (4.8.3.2)
  kSleepControl,  // SLEEP_CONTROL_REG of a hardware-reduced machine (4.8.3.7)
};

// How to enter S5: if smi_port is not 0, write `acpi_enable` there and wait until bit 0 (SCI_EN)
// of the first register is set; then do `first`; then `second`, where its width is not 0.
struct PowerOff {
  PowerOffKind kind = PowerOffKind::kPm1Control;
  RegisterWrite first;
  RegisterWrite second;
  uint16_t smi_port = 0;  // I/O port
  uint8_t acpi_enable = 0;
};

// Memory-mapped PCI configuration space of segment 0: function F of device D of bus B has its
// 4096 bytes at base + (B << 20 | D << 15 | F << 12), whatever first_bus is.
struct Ecam {
  uint64_t base = 0;  // physical; 1 MiB aligned
  uint8_t first_bus = 0;
  uint8_t last_bus = 0;

  // The range that decodes buses first_bus to last_bus.
  uint64_t start() const { return base + (uint64_t{first_bus} << 20); }
  uint64_t length() const { return (uint64_t{last_bus} - first_bus + 1) << 20; }
};

// Owns nothing: the reader must outlive it.
class AcpiTables {
 public:
  explicit AcpiTables(PhysicalReader& reader) : reader_(reader) {}

  // Reads the root pointer, of version 1 or 2, at physical address `rsdp`, and the list of tables
  // it names. Must succeed before anything else is asked.
  AcpiError Open(uint64_t rsdp);

  // The physical address of the first table with this signature, whole and with a good checksum.
  // Tables of other kinds are passed over, even unreadable ones.
  AcpiError Find(AcpiSignature signature, uint64_t& physical, uint32_t& length);

  // From FADT and DSDT. The type of the S5 sleep state is an AML object, `Name (\_S5, Package ())`;
  // it is searched for as bytes, not interpreted. That finds it where the object is in the DSDT
  // (not in an SSDT), has that name at its definition, and its first elements are integer
  // constants: what firmware is known to have. Bytes elsewhere that look exactly so would be taken
  // for it.
  AcpiError ReadPowerOff(PowerOff& out);

  // The FADT's RESET_REG (4.8.3.6).
  AcpiError ReadReset(RegisterWrite& out);

  // From MCFG (PCI Firmware Specification 3.3, 4.1.2).
  AcpiError ReadEcam(Ecam& out);

  // The machine's processors that can be started, as abi::SystemOperation::kStartCpu takes them,
  // from MADT; no more than `ids` has room for. One may be listed twice.
  AcpiError ReadProcessors(std::span<uint64_t> ids, uint32_t& count);

  // A GICv3 and its interrupts, from MADT (5.2.12) and GTDT (5.2.25). The distributor is 0 and
  // there is no error if the MADT describes another interrupt controller.
  AcpiError ReadGic(GicInfo& out);

  // From SPCR (Microsoft's Serial Port Console Redirection Table). kNone if it is a UART that
  // SerialKind does not have.
  AcpiError ReadSerial(SerialKind& kind, uint64_t& address);

 private:
  AcpiError ReadList(uint64_t physical, bool extended);
  AcpiError MapTable(AcpiSignature signature, uint64_t physical, uint32_t minimum,
                     std::span<const std::byte>& table);
  AcpiError FindTable(AcpiSignature signature, uint32_t minimum, uint64_t& physical,
                      std::span<const std::byte>& table);
  AcpiError ReadMadt(GicInfo& out);
  AcpiError ReadGtdt(GicInfo& out);
  AcpiError ReadSleepType(uint64_t dsdt, std::array<uint8_t, 2>& type);

  PhysicalReader& reader_;
  uint32_t count_ = 0;
  std::array<uint64_t, kMaxAcpiTables> tables_ = {};  // physical
};

}  // namespace bulkhead

#endif  // BULKHEAD_BOOT_ACPI_ACPI_TABLES_H_
