// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_X86_64_INCLUDE_ARCH_PAGING_H_
#define BULKHEAD_ARCH_X86_64_INCLUDE_ARCH_PAGING_H_

// x86_64 page-table formats and the hypervisor's address layout (AMD APM 2, 5.3 and 15.25).

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "arch/page_table.h"
#include "base/address.h"

namespace bulkhead::arch {

// All RAM, writable, never executable; without the hypervisor image.
inline constexpr uint64_t kDirectMap = 0xffff'8000'0000'0000;
// The image, linked here (boot/x86_64/hypervisor.ld).
inline constexpr uint64_t kImageBase = 0xffff'ffff'8000'0000;
// Registers of devices the hypervisor itself uses.
inline constexpr uint64_t kDeviceMap = 0xffff'ffff'c000'0000;
// Each CPU's stack at the end of its area, with nothing mapped below it; what else is the CPU's
// at the area's start (the first CPU's is in the image).
inline constexpr uint64_t kStackMap = 0xffff'ffff'd000'0000;
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

// Zeroes whole pages that somebody is to be given.
inline void ClearPages(HostPhysical start, uint64_t bytes) {
  std::memset(ToPointer(start), 0, bytes);
}
// What was written to these pages is to be executed in user mode: caches see to it.
inline void SynchronizeCode(HostPhysical, uint64_t) {}

struct HostFormat {
  using Entry = uint64_t;
  static constexpr int kLevels = 4;
  static constexpr uint64_t kTop = 256;  // the upper half is the hypervisor's, shared

  static constexpr Entry kPresent = 1 << 0;
  static constexpr Entry kWrite = 1 << 1;
  static constexpr Entry kUser = 1 << 2;
  static constexpr Entry kWriteThrough = 1 << 3;
  static constexpr Entry kCacheDisable = 1 << 4;
  static constexpr Entry kLarge = 1 << 7;
  static constexpr Entry kNoExecute = Entry{1} << 63;
  static constexpr Entry kAddressMask = 0x000f'ffff'ffff'f000;

  static constexpr Entry Leaf(HostPhysical physical, int level, PageAttributes attributes) {
    Entry entry = Raw(physical) | kPresent;
    if (attributes.write) entry |= kWrite;
    if (attributes.user) entry |= kUser;
    if (!attributes.execute) entry |= kNoExecute;
    if (attributes.device) entry |= kCacheDisable | kWriteThrough;
    if (level > 1) entry |= kLarge;
    return entry;
  }
  // Rights of tables are wide open: the leaf decides.
  static constexpr Entry Table(HostPhysical physical) {
    return Raw(physical) | kPresent | kWrite | kUser;
  }
  static constexpr bool Present(Entry entry) { return (entry & kPresent) != 0; }
  static constexpr bool IsLeaf(Entry entry, int level) {
    return level == 1 || (entry & kLarge) != 0;
  }
  static constexpr HostPhysical Address(Entry entry) {
    return static_cast<HostPhysical>(entry & kAddressMask);
  }
  static constexpr PageAttributes Attributes(Entry entry) {
    return {.write = (entry & kWrite) != 0,
            .execute = (entry & kNoExecute) == 0,
            .user = (entry & kUser) != 0,
            .device = (entry & kCacheDisable) != 0};
  }
};

// Nested page tables. AMD-V's have the host's format, and every access is a user access (AMD APM
// 2, 15.25.5). VT-x's extended page tables (Intel SDM 3C, 29.3.2) agree in the bits for present
// (there: readable), writable and large, and say the rest in others. The machine decides which.
struct GuestFormat : HostFormat {
  static constexpr uint64_t kTop = 512;
  static constexpr Entry kExtendedExecute = 1 << 2;
  static constexpr Entry kExtendedWriteBack = 6 << 3;  // else not cached

  // Before the first table is made.
  static void UseExtended() { extended_ = true; }

  static Entry Leaf(HostPhysical physical, int level, PageAttributes attributes) {
    if (!extended_) {
      attributes.user = true;
      return HostFormat::Leaf(physical, level, attributes);
    }
    Entry entry = Raw(physical) | kPresent;
    if (attributes.write) entry |= kWrite;
    if (attributes.execute) entry |= kExtendedExecute;
    if (!attributes.device) entry |= kExtendedWriteBack;
    if (level > 1) entry |= kLarge;
    return entry;
  }
  // HostFormat::Table: the bit for user mode is the one for execution here.
  static PageAttributes Attributes(Entry entry) {
    if (!extended_) return HostFormat::Attributes(entry);
    return {.write = (entry & kWrite) != 0,
            .execute = (entry & kExtendedExecute) != 0,
            .user = true,
            .device = (entry & kExtendedWriteBack) == 0};
  }

 private:
  static inline bool extended_ = false;
};

}  // namespace bulkhead::arch

#endif  // BULKHEAD_ARCH_X86_64_INCLUDE_ARCH_PAGING_H_
