// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_GUEST_TESTGUEST_X86_64_PAGES_H_
#define BULKHEAD_GUEST_TESTGUEST_X86_64_PAGES_H_

// What is mapped beyond start.S's four gibibytes one to one.

#include <cstdint>

namespace bulkhead::testguest {

// Page-table entries (AMD APM 2, 5.4.1).
enum PageBits : uint64_t {
  kPagePresent = 1 << 0,
  kPageWritable = 1 << 1,
  kPageUser = 1 << 2,
  kPageLarge = 1 << 7,
  kPageGlobal = 1 << 8,
  kPageNoExecute = uint64_t{1} << 63,
};
// Of a page fault's error code (AMD APM 2, 8.4.2).
enum PageFaultError : uint64_t {
  kErrorPresent = 1 << 0,
  kErrorWrite = 1 << 1,
  kErrorUser = 1 << 2,
  kErrorReserved = 1 << 3,
  kErrorFetch = 1 << 4,
};
inline constexpr uint64_t kSmallPage = 4096;

// The first gibibyte once more, for user mode.
inline constexpr uint64_t kUserAlias = uint64_t{1} << 39;
template <typename T>
uint64_t UserAddress(T* thing) {
  return kUserAlias + reinterpret_cast<uint64_t>(thing);
}

// Pages of 4 KiB that checks map as they like; nothing is there at first.
inline constexpr uint32_t kWindowPages = 512;
constexpr uint64_t WindowAddress(uint32_t page) {
  return kUserAlias + (uint64_t{1} << 30) + page * kSmallPage;
}
// Takes effect when the processor forgets what it knows: InvalidatePage.
void SetWindow(uint32_t page, uint64_t entry);
uint64_t Window(uint32_t page);
void InvalidatePage(uint64_t address);

// Adds all this to the page tables in use. More than once is once.
void InstallPages();

}  // namespace bulkhead::testguest

#endif  // BULKHEAD_GUEST_TESTGUEST_X86_64_PAGES_H_
