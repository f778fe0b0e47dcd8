// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_ACPI_TESTING_TABLE_WRITER_H_
#define BULKHEAD_BOOT_ACPI_TESTING_TABLE_WRITER_H_

// Makes ACPI tables for tests, right and wrong ones, and the memory they lie in.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "boot/acpi/acpi_tables.h"

namespace bulkhead {

using Table = std::vector<uint8_t>;

inline void Put(Table& table, size_t offset, uint64_t value, size_t width) {
  if (table.size() < offset + width) table.resize(offset + width);
  for (size_t i = 0; i < width; ++i) table[offset + i] = static_cast<uint8_t>(value >> (8 * i));
}

inline void PutText(Table& table, size_t offset, std::string_view text) {
  for (const char c : text) Put(table, offset++, static_cast<uint8_t>(c), 1);
}

inline void Balance(Table& table, size_t at, size_t length) {
  uint8_t sum = 0;
  for (size_t i = 0; i < length; ++i) sum = static_cast<uint8_t>(sum + table[i]);
  table[at] = static_cast<uint8_t>(table[at] - sum);
}

inline Table MakeTable(std::string_view signature, size_t length) {
  Table table(length);
  PutText(table, 0, signature);
  Put(table, 4, length, 4);
  return table;
}

inline Table Sealed(Table table) {
  table[9] = 0;
  Balance(table, 9, table.size());
  return table;
}

inline void PutGeneric(Table& table, size_t offset, uint8_t space, uint64_t address) {
  Put(table, offset, space, 1);
  Put(table, offset + 4, address, 8);
}

// Memory with tables in it; forgets what it gave out at the next call, so that AddressSanitizer
// sees a use of it.
class TableMemory final : public PhysicalReader {
 public:
  std::map<uint64_t, Table> memory;

  std::span<const std::byte> Map(uint64_t physical, uint64_t length) override {
    ++calls;
    given_.reset();
    auto it = memory.upper_bound(physical);
    if (it == memory.begin()) return {};
    --it;
    const uint64_t offset = physical - it->first;
    if (offset > it->second.size() || length > it->second.size() - offset) return {};
    given_ = std::make_unique<std::byte[]>(length);
    std::copy_n(std::as_bytes(std::span(it->second)).begin() + static_cast<ptrdiff_t>(offset),
                length, given_.get());
    return {given_.get(), length};
  }

  int calls = 0;

 private:
  std::unique_ptr<std::byte[]> given_;
};

// A root pointer of this revision at `rsdp`, and at `list` the RSDT or XSDT with these tables.
inline void InstallRoot(TableMemory& machine, uint64_t rsdp, uint64_t list, int revision,
                        const std::vector<uint64_t>& tables) {
  const bool extended = revision >= 2;
  const size_t width = extended ? 8 : 4;
  Table root(extended ? 36 : 20);
  PutText(root, 0, "RSD PTR ");
  Put(root, 15, static_cast<uint64_t>(revision), 1);
  if (extended) Put(root, 20, 36, 4);
  Put(root, extended ? 24 : 16, list, width);
  Table table = MakeTable(extended ? "XSDT" : "RSDT", 36 + width * tables.size());
  for (size_t i = 0; i < tables.size(); ++i) Put(table, 36 + width * i, tables[i], width);
  machine.memory[list] = Sealed(table);
  Balance(root, 8, 20);
  if (extended) Balance(root, 32, 36);
  machine.memory[rsdp] = root;
}

}  // namespace bulkhead

#endif  // BULKHEAD_BOOT_ACPI_TESTING_TABLE_WRITER_H_
