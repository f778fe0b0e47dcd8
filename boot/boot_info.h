// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_BOOT_INFO_H_
#define BULKHEAD_BOOT_BOOT_INFO_H_

// What a loader hands to the hypervisor: the contract between the entries under boot/ and the
// hypervisor, the same for every way of booting.

#include <cstddef>
#include <cstdint>

namespace bulkhead {

inline constexpr uint64_t kBootInfoMagic = 0x4f464e49544f4f42;  // "BOOTINFO"
inline constexpr uint32_t kBootInfoVersion = 1;
inline constexpr uint32_t kMaxMemoryRegions = 256;
inline constexpr uint32_t kCommandLineCapacity = 1024;

enum class MemoryKind : uint32_t {
  kReserved = 0,  // not RAM, or RAM that is not ours
  kUsable = 1,    // free RAM
  kAcpi = 2,      // RAM that holds ACPI tables or firmware data: readable, never given out
  kLoader = 3,    // RAM in use by the loader's leavings: hypervisor image, bundle, this structure
};

// Page-aligned, sorted by start, without overlap.
struct MemoryRegion {
  uint64_t start;   // physical address
  uint64_t length;  // bytes
  MemoryKind kind;
  uint32_t reserved;
};
static_assert(sizeof(MemoryRegion) == 24);

// At entry (x86_64): long mode, interrupts off, the low 4 GiB and everything this structure names
// mapped one to one, the hypervisor image mapped at its link address; the BootInfo's physical
// address in RDI. The hypervisor copies what it needs before it uses kLoader memory again.
struct BootInfo {
  uint64_t magic;
  uint32_t version;
  uint32_t size;             // sizeof(BootInfo)
  uint64_t image_physical;   // where the hypervisor image lies; 2 MiB aligned
  uint64_t image_length;     // bytes, from the first to the last loaded byte
  uint64_t bundle_physical;  // page-aligned; the cpio archive
  uint64_t bundle_length;    // bytes; 0: none was given
  uint64_t acpi_rsdp;        // physical address of the ACPI root pointer; 0: none
  uint64_t serial_port;      // x86_64: I/O port of the log UART (16550); 0: none
  uint32_t region_count;
  uint32_t reserved;
  MemoryRegion regions[kMaxMemoryRegions];
  char command_line[kCommandLineCapacity];  // NUL-terminated
};
static_assert(offsetof(BootInfo, regions) == 72);
static_assert(sizeof(BootInfo) == 72 + 24 * kMaxMemoryRegions + kCommandLineCapacity);

}  // namespace bulkhead

#endif  // BULKHEAD_BOOT_BOOT_INFO_H_
