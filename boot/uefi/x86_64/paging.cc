// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/uefi/x86_64/paging.h"

#include <cstring>

#include "base/align.h"

namespace bulkhead::uefi {
namespace {

constexpr uint64_t kEntries = 512;
constexpr uint64_t kGigabyte = uint64_t{1} << 30;
constexpr uint64_t kTableSpan = kEntries * kGigabyte;  // of one page-directory-pointer table
constexpr uint64_t kTable = 0x3;                       // present, writable: AMD APM 2, 5.3.3
constexpr uint64_t kLargePage = 0x83;                  // and the page size bit: AMD APM 2, 5.3.4

uint64_t Gigabytes(const BootMapping& mapping) {
  return AlignUp(mapping.identity_end, kGigabyte) / kGigabyte;
}

uint64_t PointerTables(const BootMapping& mapping) {
  return AlignUp(mapping.identity_end, kTableSpan) / kTableSpan;
}

uint64_t Index(uint64_t address, int shift) { return address >> shift & (kEntries - 1); }

// Hands out zeroed tables one after the other.
class Tables {
 public:
  explicit Tables(uint64_t* memory) : next_(memory) {}

  uint64_t* Take() {
    uint64_t* table = next_;
    next_ += kEntries;
    std::memset(table, 0, kPageSize);
    return table;
  }

 private:
  uint64_t* next_;
};

uint64_t Address(const uint64_t* table) { return reinterpret_cast<uint64_t>(table); }

}  // namespace

uint64_t PageTablePages(const BootMapping& mapping) {
  constexpr uint64_t kRootAndImage = 3;
  return kRootAndImage + PointerTables(mapping) + (mapping.gigabyte_pages ? 0 : Gigabytes(mapping));
}

uint64_t BuildPageTables(const BootMapping& mapping, uint64_t* memory) {
  Tables tables(memory);
  uint64_t* root = tables.Take();
  uint64_t* pointers = nullptr;
  for (uint64_t i = 0; i < Gigabytes(mapping); ++i) {
    const uint64_t start = i * kGigabyte;
    if (start % kTableSpan == 0) {
      pointers = tables.Take();
      root[Index(start, 39)] = Address(pointers) | kTable;
    }
    if (mapping.gigabyte_pages) {
      pointers[Index(start, 30)] = start | kLargePage;
      continue;
    }
    uint64_t* directory = tables.Take();
    for (uint64_t j = 0; j < kEntries; ++j)
      directory[j] = (start + j * kSuperpageSize) | kLargePage;
    pointers[Index(start, 30)] = Address(directory) | kTable;
  }

  uint64_t* image_pointers = tables.Take();
  uint64_t* image_directory = tables.Take();
  root[Index(mapping.image_virtual, 39)] = Address(image_pointers) | kTable;
  image_pointers[Index(mapping.image_virtual, 30)] = Address(image_directory) | kTable;
  for (uint64_t offset = 0; offset < mapping.image_length; offset += kSuperpageSize) {
    image_directory[Index(mapping.image_virtual + offset, 21)] =
        (mapping.image_physical + offset) | kLargePage;
  }
  return Address(root);
}

}  // namespace bulkhead::uefi
