// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/uefi/machine.h"

#include <cstring>
#include <span>

#include "base/align.h"
#include "boot/aarch64/counter.h"
#include "boot/aarch64/refusals.h"
#include "boot/acpi/acpi_tables.h"
#include "boot/devicetree/devicetree.h"
#include "boot/handover.h"
#include "boot/uefi/aarch64/cpu.h"
#include "boot/uefi/time.h"

namespace bulkhead::uefi {
namespace {

// The firmware maps memory one to one, and its own tables are where it says.
class IdentityReader final : public PhysicalReader {
 public:
  std::span<const std::byte> Map(uint64_t physical, uint64_t length) override {
    return {reinterpret_cast<const std::byte*>(physical), length};
  }
};

const char* OpenTree(uint64_t physical, Devicetree& tree, uint64_t& length) {
  const auto* bytes = reinterpret_cast<const std::byte*>(physical);
  if (!IsAligned(physical, 8)) return "the devicetree is not aligned";
  length = Devicetree::LengthOf(bytes);
  return Devicetree::Open({bytes, length}, tree);
}

void DescribeByAcpi(const Firmware& firmware, uint64_t rsdp, BootInfo& info) {
  IdentityReader reader;
  AcpiTables tables(reader);
  AcpiError error = tables.Open(rsdp);
  if (error.ok()) error = tables.ReadGic(info.gic);
  if (!error.ok()) {
    Text<> text;
    text << error;
    firmware.Fatal(text.view());
  }
  info.acpi_rsdp = rsdp;
}

// The tree may lie in memory that is free when the firmware is gone: the hypervisor gets a copy.
void DescribeByTree(const Firmware& firmware, uint64_t physical, BootInfo& info) {
  Devicetree tree;
  uint64_t length = 0;
  const char* wrong = OpenTree(physical, tree, length);
  if (wrong == nullptr) wrong = tree.ReadGic(info.gic);
  if (wrong != nullptr) firmware.Fatal(wrong);
  info.devicetree_length = length;
  info.devicetree =
      firmware.AllocatePages(AlignUp(length, kPageSize) / kPageSize, "the devicetree");
  std::memcpy(reinterpret_cast<void*>(info.devicetree), reinterpret_cast<const void*>(physical),
              length);
}

}  // namespace

ElfMachine HypervisorMachine() { return ElfMachine::kAarch64; }

Serial FindSerial(const Firmware& firmware) {
  Serial serial;
  if (const uint64_t rsdp = firmware.FindTable(kAcpi20Table)) {
    IdentityReader reader;
    AcpiTables tables(reader);
    if (!tables.Open(rsdp).ok() || !tables.ReadSerial(serial.kind, serial.address).ok()) return {};
  } else if (const uint64_t physical = firmware.FindTable(kDevicetreeTable)) {
    Devicetree tree;
    uint64_t length = 0;
    if (OpenTree(physical, tree, length) != nullptr ||
        tree.ReadSerial(serial.kind, serial.address) != nullptr) {
      return {};
    }
  }
  return serial.kind == SerialKind::kPl011 ? serial : Serial();
}

void CheckCpu(const Firmware& firmware) {
  if (ExceptionLevel() != 2) firmware.Fatal(kStartedAtEl1);
  if (!HasHostExtensions()) firmware.Fatal(kNoVhe);
}

void DescribeMachine(const Firmware& firmware, BootInfo& info) {
  const uint64_t rsdp = firmware.FindTable(kAcpi20Table);
  const uint64_t tree = firmware.FindTable(kDevicetreeTable);
  if (rsdp == 0 && tree == 0) firmware.Fatal("the firmware has neither ACPI nor a devicetree");
  if (rsdp != 0) {
    DescribeByAcpi(firmware, rsdp, info);
  } else {
    DescribeByTree(firmware, tree, info);
  }
  if (const auto time = firmware.ReadTime()) {
    info.wall_clock =
        WallClockAtCounterZero(NanosecondsSince1970(*time), ReadCounter(), CounterHz());
  }
}

uint64_t PrepareEntry(const Firmware& /*firmware*/, const Hypervisor& /*hypervisor*/,
                      const MemoryMapView& /*map*/) {
  return 0;  // the image makes its own tables
}

void EnterHypervisor(uint64_t /*tables*/, const Hypervisor& hypervisor, const BootInfo& info) {
  CleanToMemory(hypervisor.physical, hypervisor.length);
  CleanToMemory(info.bundle_physical, info.bundle_length);
  CleanToMemory(info.devicetree, info.devicetree_length);
  CleanToMemory(reinterpret_cast<uint64_t>(&info), sizeof(info));
  JumpWithoutMmu(hypervisor.physical + (hypervisor.entry - hypervisor.virtual_address), &info);
}

}  // namespace bulkhead::uefi
