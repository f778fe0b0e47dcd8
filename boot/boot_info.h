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
inline constexpr uint32_t kBootInfoVersion = 2;
inline constexpr uint32_t kMaxMemoryRegions = 256;
inline constexpr uint32_t kCommandLineCapacity = 1024;
inline constexpr uint32_t kMaxRedistributorRegions = 8;

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

// The UART that the log goes to.
enum class SerialKind : uint32_t {
  kNone = 0,
  kPort16550 = 1,  // address: I/O port
  kPl011 = 2,      // address: physical address of its registers
};

// A GICv3 and the interrupts of the timers (Arm IHI 0069): from the loader, so that no table of the
// firmware's is parsed with privilege. All zero on x86_64.
struct GicInfo {
  struct Range {
    uint64_t start;   // physical address
    uint64_t length;  // bytes
  };
  uint64_t distributor;  // physical address of GICD; 0: no GICv3 was found
  uint64_t its;          // physical address of the first GITS; 0: none, and no message interrupts
  uint32_t redistributor_count;
  uint32_t maintenance_interrupt;       // INTID
  uint32_t virtual_timer_interrupt;     // INTID of the guests' EL1 virtual timer (CNTV)
  uint32_t physical_timer_interrupt;    // INTID of the guests' EL1 physical timer (CNTP)
  uint32_t hypervisor_timer_interrupt;  // INTID of the EL2 physical timer (CNTHP)
  uint32_t reserved;
  Range redistributors[kMaxRedistributorRegions];  // GICR frames, one CPU after the other
};
static_assert(sizeof(GicInfo) == 40 + 16 * kMaxRedistributorRegions);

// At entry, x86_64: long mode, interrupts off, the low 4 GiB and everything this structure names
// mapped one to one, the hypervisor image mapped at its link address; the BootInfo's physical
// address in RDI.
// At entry, aarch64: EL2, interrupts masked, MMU on with everything mapped one to one or off;
// image, BootInfo and bundle cleaned to the point of coherency; at the image's physical address,
// the BootInfo's physical address in X0. The hypervisor copies what it needs before it uses kLoader
// memory again.
struct BootInfo {
  uint64_t magic;
  uint32_t version;
  uint32_t size;  // sizeof(BootInfo)
  // The log: up to here, the same in every version, so that a wrong one can be complained about.
  uint64_t serial_address;
  SerialKind serial_kind;
  uint32_t region_count;
  uint64_t image_physical;     // where the hypervisor image lies; 2 MiB aligned
  uint64_t image_length;       // bytes, from the first to the last loaded byte
  uint64_t bundle_physical;    // page-aligned; the cpio archive
  uint64_t bundle_length;      // bytes; 0: none was given
  uint64_t acpi_rsdp;          // physical address of the ACPI root pointer; 0: none
  uint64_t devicetree;         // physical address of the flattened devicetree; 0: none
  uint64_t devicetree_length;  // bytes
  uint64_t wall_clock;         // ns since 1970 at counter 0, by the machine's clock; 0: not known
  GicInfo gic;
  MemoryRegion regions[kMaxMemoryRegions];
  char command_line[kCommandLineCapacity];  // NUL-terminated
};
static_assert(offsetof(BootInfo, gic) == 96);
static_assert(sizeof(BootInfo) ==
              96 + sizeof(GicInfo) + sizeof(BootInfo::regions) + kCommandLineCapacity);

}  // namespace bulkhead

#endif  // BULKHEAD_BOOT_BOOT_INFO_H_
