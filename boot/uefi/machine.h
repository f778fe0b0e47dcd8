// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_UEFI_MACHINE_H_
#define BULKHEAD_BOOT_UEFI_MACHINE_H_

// What each architecture does in its own way: an implementation for each, in a folder of its own.

#include <cstdint>

#include "boot/boot_info.h"
#include "boot/elf.h"
#include "boot/uefi/firmware.h"
#include "boot/uefi/memory.h"

namespace bulkhead::uefi {

// A hypervisor image in memory.
struct Hypervisor {
  uint64_t physical = 0;  // 2 MiB aligned
  uint64_t length = 0;    // bytes, memory that follows the file's data included
  uint64_t virtual_address = 0;
  uint64_t entry = 0;  // virtual address
};

// What the hypervisor has to be compiled for.
ElfMachine HypervisorMachine();

// The UART for what has to be said when the firmware's console is gone. Whatever is wrong with the
// firmware's tables, here it means that there is none.
Serial FindSerial(const Firmware& firmware);

// Fatal if the firmware has the CPU in a state that the hypervisor cannot be entered from.
void CheckCpu(const Firmware& firmware);

// What the firmware's tables say of the machine: all of BootInfo that no other function sets.
void DescribeMachine(const Firmware& firmware, BootInfo& info);

// Takes the memory that EnterHypervisor needs, while there is somebody to take it from. Returns the
// physical address of page tables, where there are any.
uint64_t PrepareEntry(const Firmware& firmware, const Hypervisor& hypervisor,
                      const MemoryMapView& map);

// After the boot services: as boot/boot_info.h says.
[[noreturn]] void EnterHypervisor(uint64_t tables, const Hypervisor& hypervisor,
                                  const BootInfo& info);

}  // namespace bulkhead::uefi

#endif  // BULKHEAD_BOOT_UEFI_MACHINE_H_
