// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CONTROL_PHYSICAL_H_
#define BULKHEAD_CONTROL_PHYSICAL_H_

// The machine's physical memory and devices, as the supervisor reaches them.

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/address.h"
#include "base/status.h"
#include "boot/acpi/acpi_tables.h"
#include "drivers/platform.h"

namespace bulkhead {

// Hands out the supervisor's own address space from a fixed base on, never the same twice: for what
// stays. Pods, which come and go, have fixed places of their own.
class AddressArea {
 public:
  explicit AddressArea(uint64_t base) : next_(base) {}
  // A free range of at least `length` bytes whose start leaves `remainder` when divided by 2 MiB:
  // where that is the remainder of the physical address too, superpages can map it.
  uint64_t Take(uint64_t length, uint64_t remainder = 0);

 private:
  uint64_t next_;
};

// Physical memory that is not the hypervisor's to give: handle of a Memory, and where it is mapped.
struct PhysicalMapping {
  uint64_t memory = 0;   // handle
  uint64_t address = 0;  // of the first page
  uint64_t length = 0;   // bytes, whole pages
};
Result<PhysicalMapping> MapPhysical(AddressArea& area, uint64_t physical, uint64_t length,
                                    bool device, uint64_t rights);

// Firmware tables: one piece mapped at a time.
class FirmwareMemory final : public PhysicalReader {
 public:
  explicit FirmwareMemory(AddressArea& area) : area_(area) {}
  std::span<const std::byte> Map(uint64_t physical, uint64_t length) override;

 private:
  AddressArea& area_;
  PhysicalMapping current_;
};

// What host drivers need.
class SupervisorPlatform final : public DriverPlatform {
 public:
  // Interrupts set `bits` of `event`.
  SupervisorPlatform(AddressArea& area, uint64_t event, uint64_t bits)
      : area_(area), event_(event), bits_(bits) {}

  Result<volatile std::byte*> MapDevice(HostPhysical start, uint64_t length) override;
  Result<DmaPage> AllocateDma() override;
  Result<Msi> AllocateMsi(uint32_t device) override;

 private:
  AddressArea& area_;
  uint64_t event_;
  uint64_t bits_;
};

// What a process may use, uses, and has used at most of memory, in bytes; the time its threads have
// had, in counter ticks. Zeros if `process` is no handle.
struct Usage {
  uint64_t limit = 0;
  uint64_t used = 0;
  uint64_t peak = 0;
  uint64_t ticks = 0;
};
Usage UsageOf(uint64_t process);

// Bytes of the node's memory that nobody has.
uint64_t FreeMemoryOfNode();

// Memory of `length` bytes, mapped readable and writable: its handle, and its bytes.
struct OwnMemory {
  uint64_t handle = 0;
  std::span<std::byte> bytes;
};
Result<OwnMemory> AllocateMemory(AddressArea& area, uint64_t length);
// The same at `address`, where the supervisor has nothing mapped.
Result<OwnMemory> AllocateMemory(uint64_t address, uint64_t length);
// Takes the mapping away; the memory stays with its handle, and whoever has it mapped.
void UnmapMemory(const OwnMemory& memory);
// Takes back what AllocateMemory gave.
void FreeMemory(const OwnMemory& memory);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROL_PHYSICAL_H_
