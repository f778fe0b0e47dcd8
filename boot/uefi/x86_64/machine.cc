// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/uefi/machine.h"

#include <algorithm>

#include "boot/uefi/x86_64/cpu.h"
#include "boot/uefi/x86_64/paging.h"
#include "boot/x86_64/com1.h"

namespace bulkhead::uefi {

ElfMachine HypervisorMachine() { return ElfMachine::kX86_64; }

Serial FindSerial(const Firmware& /*firmware*/) { return {SerialKind::kPort16550, kComPort1}; }

void CheckCpu(const Firmware& firmware) {
  if (FiveLevelPaging()) firmware.Fatal("the firmware uses five-level paging");
}

void DescribeMachine(const Firmware& firmware, BootInfo& info) {
  info.acpi_rsdp = firmware.FindTable(kAcpi20Table);
}

uint64_t PrepareEntry(const Firmware& firmware, const Hypervisor& hypervisor,
                      const MemoryMapView& map) {
  const BootMapping mapping = {
      .identity_end = std::max(TopOfRam(map), uint64_t{4} << 30),
      .image_virtual = hypervisor.virtual_address,
      .image_physical = hypervisor.physical,
      .image_length = hypervisor.length,
      .gigabyte_pages = HasGigabytePages(),
  };
  if (mapping.identity_end > kMaxIdentity) firmware.Fatal("memory above 64 TiB");
  const uint64_t tables = firmware.AllocatePages(PageTablePages(mapping), "page tables");
  return BuildPageTables(mapping, reinterpret_cast<uint64_t*>(tables));
}

void EnterHypervisor(uint64_t tables, const Hypervisor& hypervisor, const BootInfo& info) {
  SwitchAndJump(tables, hypervisor.entry, &info);
}

}  // namespace bulkhead::uefi
