// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_AARCH64_INCLUDE_ARCH_PAGING_H_
#define BULKHEAD_ARCH_AARCH64_INCLUDE_ARCH_PAGING_H_

// VMSAv8-64 page-table formats with 4 KiB granules, and the hypervisor's address layout (Arm ARM
// DDI 0487, D8.3). User mode has the lower half (TTBR0_EL2), the hypervisor the upper (TTBR1_EL2).

#include <cstddef>
#include <cstdint>

#include "arch/page_table.h"
#include "base/address.h"

namespace bulkhead::arch {

// All RAM, writable, never executable; without the hypervisor image.
inline constexpr uint64_t kDirectMap = 0xffff'0000'0000'0000;
// The image, linked here (boot/aarch64/hypervisor.ld).
inline constexpr uint64_t kImageBase = 0xffff'ffff'8000'0000;
// Registers of devices the hypervisor itself uses.
inline constexpr uint64_t kDeviceMap = 0xffff'ffff'c000'0000;
// Each CPU's stack at the end of its area, with nothing mapped below it; what else is the CPU's
// at the area's start (the first CPU's is in the image).
inline constexpr uint64_t kStackMap = 0xffff'ffff'f000'0000;
inline constexpr uint64_t kStackBytes = 16 * 1024;
inline constexpr uint64_t kStackStride = 64 * 1024;
constexpr uint64_t CpuArea(uint64_t cpu) { return kStackMap + cpu * kStackStride; }
constexpr uint64_t StackTop(uint64_t cpu) { return kStackMap + (cpu + 1) * kStackStride; }

template <typename T = void>
T* ToPointer(HostPhysical physical) {
  return reinterpret_cast<T*>(kDirectMap + Raw(physical));
}

// The other way round, for what ToPointer gave.
inline HostPhysical ToPhysical(const void* pointer) {
  return static_cast<HostPhysical>(reinterpret_cast<uint64_t>(pointer) - kDirectMap);
}

// For machines that can watch free memory; the fake one does.
inline void MarkFree(void*, size_t) {}
inline void MarkUsed(void*, size_t) {}

// Zeroes whole pages that somebody is to be given, in memory too: a guest whose caches are off
// would see there what another left (Arm ARM D7.5).
void ClearPages(HostPhysical start, uint64_t bytes);
// What was written to these pages is to be executed in user mode (Arm ARM B2.4.4).
void SynchronizeCode(HostPhysical start, uint64_t bytes);

// Attribute indexes of MAIR_EL2, which boot/aarch64/start.S sets.
inline constexpr uint64_t kDeviceMemory = 0;
inline constexpr uint64_t kNormalMemory = 1;

// What both stages of translation have in common (Arm ARM D8.3.1).
struct DescriptorFormat {
  using Entry = uint64_t;
  static constexpr int kLevels = 4;
  static constexpr uint64_t kTop = 512;

  static constexpr Entry kValid = 1 << 0;
  static constexpr Entry kTableOrPage = 1 << 1;  // clear: a block
  static constexpr Entry kInnerShareable = 3 << 8;
  static constexpr Entry kAccessed = 1 << 10;
  static constexpr Entry kAddressMask = 0x0000'ffff'ffff'f000;

  static constexpr Entry Table(HostPhysical physical) {
    return Raw(physical) | kTableOrPage | kValid;
  }
  static constexpr bool Present(Entry entry) { return (entry & kValid) != 0; }
  static constexpr bool IsLeaf(Entry entry, int level) {
    return level == 1 || (entry & kTableOrPage) == 0;
  }
  static constexpr HostPhysical Address(Entry entry) {
    return static_cast<HostPhysical>(entry & kAddressMask);
  }

 protected:
  static constexpr Entry Page(HostPhysical physical, int level) {
    return Raw(physical) | kInnerShareable | kAccessed | kValid | (level == 1 ? kTableOrPage : 0);
  }
};

// Stage 1 of the EL2&0 regime.
struct HostFormat : DescriptorFormat {
  static constexpr Entry kAttributes = 7 << 2;
  static constexpr Entry kNormal = kNormalMemory << 2;
  static constexpr Entry kUser = 1 << 6;
  static constexpr Entry kReadOnly = 1 << 7;
  static constexpr Entry kNotGlobal = 1 << 11;
  static constexpr Entry kPrivilegedNoExecute = Entry{1} << 53;
  static constexpr Entry kUserNoExecute = Entry{1} << 54;

  static constexpr Entry Leaf(HostPhysical physical, int level, PageAttributes attributes) {
    Entry entry = Page(physical, level);
    if (!attributes.device) entry |= kNormal;
    if (!attributes.write) entry |= kReadOnly;
    if (attributes.user) entry |= kUser | kNotGlobal;
    if (!attributes.execute || !attributes.user) entry |= kUserNoExecute;
    if (!attributes.execute || attributes.user) entry |= kPrivilegedNoExecute;
    return entry;
  }
  static constexpr PageAttributes Attributes(Entry entry) {
    return {.write = (entry & kReadOnly) == 0,
            .execute = (entry & (kPrivilegedNoExecute | kUserNoExecute)) !=
                       (kPrivilegedNoExecute | kUserNoExecute),
            .user = (entry & kUser) != 0,
            .device = (entry & kAttributes) != kNormal};
  }
};

// Stage 2 of the EL1&0 regime (Arm ARM D8.3.2, D8.5.5).
struct GuestFormat : DescriptorFormat {
  static constexpr Entry kMemory = 0xf << 2;
  static constexpr Entry kNormal = 0xf << 2;  // write-back, as far as the guest says so too
  static constexpr Entry kDevice = 1 << 2;    // nGnRE
  static constexpr Entry kRead = 1 << 6;
  static constexpr Entry kWrite = 1 << 7;
  static constexpr Entry kNoExecute = Entry{1} << 54;

  static constexpr Entry Leaf(HostPhysical physical, int level, PageAttributes attributes) {
    return Page(physical, level) | kRead | (attributes.device ? kDevice : kNormal) |
           (attributes.write ? kWrite : 0) | (attributes.execute ? 0 : kNoExecute);
  }
  static constexpr PageAttributes Attributes(Entry entry) {
    return {.write = (entry & kWrite) != 0,
            .execute = (entry & kNoExecute) == 0,
            .user = true,
            .device = (entry & kMemory) != kNormal};
  }
};

}  // namespace bulkhead::arch

#endif  // BULKHEAD_ARCH_AARCH64_INCLUDE_ARCH_PAGING_H_
