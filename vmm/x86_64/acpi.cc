// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/x86_64/acpi.h"

#include <cstddef>
#include <cstring>
#include <span>

#include "base/align.h"
#include "vmm/x86_64/aml.h"
#include "vmm/x86_64/layout.h"

namespace bulkhead {
namespace {

constexpr uint64_t kTableAlignment = 64;

struct [[gnu::packed]] Rsdp {  // ACPI 6.4, 5.2.5.3
  char signature[8];
  uint8_t checksum;  // of the first 20 bytes
  char oem_id[6];
  uint8_t revision;
  uint32_t rsdt_address;
  uint32_t length;
  uint64_t xsdt_address;
  uint8_t extended_checksum;
  uint8_t reserved[3];
};
static_assert(sizeof(Rsdp) == 36);

struct [[gnu::packed]] Header {  // ACPI 6.4, 5.2.6
  char signature[4];
  uint32_t length;
  uint8_t revision;
  uint8_t checksum;
  char oem_id[6];
  char oem_table_id[8];
  uint32_t oem_revision;
  char creator_id[4];
  uint32_t creator_revision;
};
static_assert(sizeof(Header) == 36);

struct [[gnu::packed]] GenericAddress {  // ACPI 6.4, 5.2.3.2
  uint8_t address_space;
  uint8_t bit_width;
  uint8_t bit_offset;
  uint8_t access_size;
  uint64_t address;
};
static_assert(sizeof(GenericAddress) == 12);

constexpr GenericAddress PortByte(uint16_t port) { return {1, 8, 0, 1, port}; }

struct [[gnu::packed]] Xsdt {
  Header header;
  uint64_t entries[2];
};
static_assert(sizeof(Xsdt) == 52);

// Fixed-hardware fields stay zero, as they must on a hardware-reduced platform.
struct [[gnu::packed]] Fadt {  // ACPI 6.4, 5.2.9
  Header header;
  uint8_t firmware_control_to_century[109 - 36];
  uint16_t iapc_boot_architecture;
  uint8_t reserved_111;
  uint32_t flags;
  GenericAddress reset_register;
  uint8_t reset_value;
  uint16_t arm_boot_architecture;
  uint8_t minor_version;
  uint64_t x_firmware_control;
  uint64_t x_dsdt;
  uint8_t x_event_blocks[244 - 148];
  GenericAddress sleep_control;
  GenericAddress sleep_status;
  char hypervisor_vendor[8];
};
static_assert(sizeof(Fadt) == 276);
static_assert(offsetof(Fadt, flags) == 112 && offsetof(Fadt, x_dsdt) == 140);
static_assert(offsetof(Fadt, sleep_control) == 244);

// IAPC_BOOT_ARCH: no legacy devices, no keyboard controller, and
constexpr uint16_t kNoVga = 1 << 2;
constexpr uint16_t kNoCmosClock = 1 << 5;
// FADT flags.
constexpr uint32_t kPowerButtonIsDevice = 1 << 4;  // that is, there is no fixed one
constexpr uint32_t kSleepButtonIsDevice = 1 << 5;
constexpr uint32_t kResetRegister = 1 << 10;
constexpr uint32_t kHardwareReduced = 1 << 20;

struct [[gnu::packed]] Madt {  // ACPI 6.4, 5.2.12
  Header header;
  uint32_t local_apic_address;
  uint32_t flags;  // PCAT_COMPAT clear: there are no 8259s
};
static_assert(sizeof(Madt) == 44);

struct [[gnu::packed]] MadtLocalApic {
  uint8_t type = 0;
  uint8_t length = 8;
  uint8_t processor_uid;
  uint8_t apic_id;
  uint32_t flags = 1;  // enabled
};
static_assert(sizeof(MadtLocalApic) == 8);

struct [[gnu::packed]] MadtIoApic {
  uint8_t type = 1;
  uint8_t length = 12;
  uint8_t io_apic_id = 0;
  uint8_t reserved = 0;
  uint32_t address;
  uint32_t gsi_base = 0;
};
static_assert(sizeof(MadtIoApic) == 12);

uint8_t Checksum(std::span<const std::byte> bytes) {
  uint8_t sum = 0;
  for (const std::byte b : bytes) sum = static_cast<uint8_t>(sum + static_cast<uint8_t>(b));
  return static_cast<uint8_t>(-sum);
}

Header MakeHeader(const char (&signature)[5], uint8_t revision) {
  Header header{};
  std::memcpy(header.signature, signature, 4);
  header.revision = revision;
  std::memcpy(header.oem_id, "BULKHD", 6);
  std::memcpy(header.oem_table_id, "BULKHEAD", 8);
  header.oem_revision = 1;
  std::memcpy(header.creator_id, "BLKH", 4);
  header.creator_revision = 1;
  return header;
}

// Hands out room in the guest's table area and fills it.
class Builder {
 public:
  Builder(std::span<std::byte> area, uint64_t base) : area_(area), base_(base) {}

  bool full() const { return full_; }
  std::span<std::byte> Rest() const { return area_.subspan(used_); }

  // The next `size` bytes; an address past the area, and nothing behind it, if they do not fit.
  GuestPhysical Take(size_t size) {
    const GuestPhysical at{base_ + used_};
    if (size > area_.size() - used_) {
      full_ = true;
      return at;
    }
    const uint64_t next = AlignUp(used_ + size, kTableAlignment);
    used_ = next < area_.size() ? next : area_.size();
    return at;
  }

  // Length and checksum of the table at `at`, whose header is otherwise complete.
  void Seal(GuestPhysical at, uint32_t size) {
    if (full_) return;
    const auto table = area_.subspan(Raw(at) - base_, size);
    std::memcpy(&table[offsetof(Header, length)], &size, sizeof(size));
    table[offsetof(Header, checksum)] = std::byte{0};
    table[offsetof(Header, checksum)] = std::byte{Checksum(table)};
  }

  template <typename T>
  void Put(GuestPhysical at, size_t offset, const T& value) {
    if (full_) return;
    std::memcpy(&area_[Raw(at) - base_ + offset], &value, sizeof(value));
  }

 private:
  std::span<std::byte> area_;
  uint64_t base_;
  size_t used_ = 0;
  bool full_ = false;
};

GuestPhysical BuildDsdt(const AcpiConfig& config, Builder& builder) {
  const auto room = builder.Rest();
  if (room.size() < sizeof(Header)) return builder.Take(sizeof(Header));
  AmlWriter aml(room.subspan(sizeof(Header)));
  const auto scope = aml.Scope("\\_SB_");
  for (uint32_t i = 0; i < config.virtio_devices; ++i) {
    static_assert(layout::kMaxVirtioDevices <= 16);  // one hexadecimal digit
    const char name[] = {'V', 'I', 'O', "0123456789ABCDEF"[i]};
    const auto device = aml.Device({name, sizeof(name)});
    aml.NamedString("_HID", "LNRO0005");
    aml.NamedInteger("_UID", i);
    aml.NamedInteger("_CCA", 1);  // cache-coherent
    aml.RegistersAndInterrupt(static_cast<uint32_t>(layout::VirtioMmioAddress(i)),
                              layout::kVirtioMmioSize, layout::VirtioGsi(i));
    aml.End(device);
  }
  aml.End(scope);
  const auto s5 = aml.NamedPackage("\\_S5_", 4);
  aml.Integer(layout::kSleepTypeOff);
  for (int i = 0; i < 3; ++i) aml.Integer(0);
  aml.End(s5);

  const size_t size = sizeof(Header) + aml.size();
  const GuestPhysical at = builder.Take(aml.overflowed() ? room.size() + 1 : size);
  builder.Put(at, 0, MakeHeader("DSDT", 2));
  builder.Seal(at, static_cast<uint32_t>(size));
  return at;
}

GuestPhysical BuildFadt(GuestPhysical dsdt, Builder& builder) {
  Fadt fadt{};
  fadt.header = MakeHeader("FACP", 6);
  fadt.iapc_boot_architecture = kNoVga | kNoCmosClock;
  fadt.flags = kPowerButtonIsDevice | kSleepButtonIsDevice | kResetRegister | kHardwareReduced;
  fadt.reset_register = PortByte(layout::kResetPort);
  fadt.reset_value = layout::kResetValue;
  fadt.minor_version = 4;
  fadt.x_dsdt = Raw(dsdt);
  fadt.sleep_control = PortByte(layout::kSleepControlPort);
  fadt.sleep_status = PortByte(layout::kSleepStatusPort);
  std::memcpy(fadt.hypervisor_vendor, "BULKHEAD", sizeof(fadt.hypervisor_vendor));
  const GuestPhysical at = builder.Take(sizeof(fadt));
  builder.Put(at, 0, fadt);
  builder.Seal(at, sizeof(fadt));
  return at;
}

GuestPhysical BuildMadt(const AcpiConfig& config, Builder& builder) {
  const size_t size = sizeof(Madt) + config.cpus * sizeof(MadtLocalApic) + sizeof(MadtIoApic);
  const GuestPhysical at = builder.Take(size);
  Madt madt{};
  madt.header = MakeHeader("APIC", 5);
  madt.local_apic_address = static_cast<uint32_t>(layout::kLocalApicBase);
  builder.Put(at, 0, madt);
  size_t offset = sizeof(madt);
  for (uint32_t cpu = 0; cpu < config.cpus; ++cpu) {
    const MadtLocalApic entry{.processor_uid = static_cast<uint8_t>(cpu),
                              .apic_id = static_cast<uint8_t>(cpu)};
    builder.Put(at, offset, entry);
    offset += sizeof(entry);
  }
  builder.Put(at, offset, MadtIoApic{.address = static_cast<uint32_t>(layout::kIoApicBase)});
  builder.Seal(at, static_cast<uint32_t>(size));
  return at;
}

}  // namespace

Result<AcpiTables> BuildAcpiTables(const AcpiConfig& config, const GuestMemory& memory,
                                   GuestPhysical address, uint64_t length) {
  if (config.cpus == 0 || config.cpus > kAcpiMaxCpus ||
      config.virtio_devices > layout::kMaxVirtioDevices || !IsAligned(Raw(address), 16)) {
    return Status::kInvalidArgument;
  }
  const auto area = memory.Slice(address, length);
  if (!area) return Status::kNoMemory;
  std::memset(area->data(), 0, area->size());

  Builder builder(*area, Raw(address));
  AcpiTables tables;
  tables.rsdp = builder.Take(sizeof(Rsdp));
  tables.xsdt = builder.Take(sizeof(Xsdt));
  tables.madt = BuildMadt(config, builder);
  tables.dsdt = BuildDsdt(config, builder);
  tables.fadt = BuildFadt(tables.dsdt, builder);
  if (builder.full()) return Status::kNoMemory;

  builder.Put(tables.xsdt, 0, Xsdt{MakeHeader("XSDT", 1), {Raw(tables.fadt), Raw(tables.madt)}});
  builder.Seal(tables.xsdt, sizeof(Xsdt));

  Rsdp rsdp{};
  std::memcpy(rsdp.signature, "RSD PTR ", sizeof(rsdp.signature));
  std::memcpy(rsdp.oem_id, "BULKHD", sizeof(rsdp.oem_id));
  rsdp.revision = 2;
  rsdp.length = sizeof(rsdp);
  rsdp.xsdt_address = Raw(tables.xsdt);
  const auto bytes = std::as_bytes(std::span(&rsdp, 1));
  rsdp.checksum = Checksum(bytes.first(20));
  rsdp.extended_checksum = Checksum(bytes);
  builder.Put(tables.rsdp, 0, rsdp);
  return tables;
}

bool IsPowerPort(uint16_t port) {
  return port == layout::kSleepControlPort || port == layout::kSleepStatusPort ||
         port == layout::kResetPort;
}

std::optional<PowerEvent> PowerPortWrite(uint16_t port, uint32_t value) {
  if (!IsPowerPort(port)) return std::nullopt;
  if (port == layout::kResetPort) {
    return (value & 0xff) == layout::kResetValue ? PowerEvent::kReset : PowerEvent::kNone;
  }
  // SLP_EN is bit 5, SLP_TYP bits 4:2 (ACPI 6.4, table 4.16).
  const bool sleeps = port == layout::kSleepControlPort && (value & 1 << 5) != 0;
  return sleeps && (value >> 2 & 7) == layout::kSleepTypeOff ? PowerEvent::kPowerOff
                                                             : PowerEvent::kNone;
}

}  // namespace bulkhead
