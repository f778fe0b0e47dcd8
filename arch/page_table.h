// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_PAGE_TABLE_H_
#define BULKHEAD_ARCH_PAGE_TABLE_H_

// Multi-level page tables, written once for every format: a Format says what an entry looks like,
// an Environment where tables come from and how entries are written (tests record the writes).
//
// A change has two steps. Prepare makes the tables that lead to an entry and may fail; a table
// without entries translates nothing, so nothing visible has changed by then. Commit writes one
// entry and cannot fail. At every instant the table holds the old or the new translation.

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/address.h"
#include "base/align.h"
#include "base/status.h"

namespace bulkhead {

// How a page may be used, in the bits of abi::Rights (hypervisor/abi/types.h).
struct PageAttributes {
  bool write = false;
  bool execute = false;
  bool user = false;    // reachable from user mode
  bool device = false;  // registers: not cached
  bool operator==(const PageAttributes&) const = default;
};

struct Translation {
  HostPhysical physical = {};  // of the byte that was asked for
  int level = 0;               // 1: 4 KiB page, 2: 2 MiB, 3: 1 GiB; 0: not mapped
  PageAttributes attributes;
};

// Format: using Entry; kLevels; kTop (entries of the root that tables own);
//   Leaf(physical, level, attributes), Table(physical), Present(e), IsLeaf(e, level), Address(e),
//   Attributes(e).
// Environment: Result<HostPhysical> AllocateTable() (zeroed), FreeTable(HostPhysical),
//   Entry* Entries(HostPhysical), Write(Entry*, Entry).
template <typename Format, typename Environment>
class PageTable {
 public:
  using Entry = typename Format::Entry;
  static constexpr int kBitsPerLevel = 9;
  static constexpr uint64_t kEntries = uint64_t{1} << kBitsPerLevel;

  PageTable() = default;
  explicit PageTable(HostPhysical root) : root_(root) {}

  HostPhysical root() const { return root_; }

  static constexpr uint64_t LevelSize(int level) {
    return kPageSize << (kBitsPerLevel * (level - 1));
  }

  // Makes every table above the entry of `address` at `level`. kExists: a larger page is there, or
  // the entry is in use. What was made stays on failure and is used by the next attempt.
  Status Prepare(Environment& environment, uint64_t address, int level) {
    HostPhysical table = root_;
    for (int at = Format::kLevels; at > level; --at) {
      Entry* entry = environment.Entries(table) + Index(address, at);
      if (!Format::Present(*entry)) {
        const Result<HostPhysical> made = environment.AllocateTable();
        if (!made.ok()) return made.status();
        environment.Write(entry, Format::Table(*made));
      } else if (Format::IsLeaf(*entry, at)) {
        return Status::kExists;
      }
      table = Format::Address(*entry);
    }
    const Entry* entry = environment.Entries(table) + Index(address, level);
    return Format::Present(*entry) ? Status::kExists : Status::kOk;
  }

  // Writes the entry that Prepare made room for.
  void Commit(Environment& environment, uint64_t address, int level, HostPhysical physical,
              PageAttributes attributes) {
    HostPhysical table = root_;
    for (int at = Format::kLevels; at > level; --at) {
      table = Format::Address(environment.Entries(table)[Index(address, at)]);
    }
    environment.Write(environment.Entries(table) + Index(address, level),
                      Format::Leaf(physical, level, attributes));
  }

  // Takes the page at `address` out and returns its size, or zero if there was none. The caller
  // sees to the TLB.
  uint64_t Clear(Environment& environment, uint64_t address) {
    int level = 0;
    Entry* entry = Find(environment, address, &level);
    if (entry == nullptr) return 0;
    environment.Write(entry, Entry{});
    return LevelSize(level);
  }

  // Frees the tables on the way to `address` that have no entries left, but not the root; a larger
  // page fits there again. The caller sees to the TLB before anybody gets the memory.
  void Prune(Environment& environment, uint64_t address) {
    std::array<Entry*, Format::kLevels> leads_to = {};  // by level of the table
    HostPhysical table = root_;
    int level = Format::kLevels;
    for (; level > 1; --level) {
      Entry* entry = environment.Entries(table) + Index(address, level);
      if (!Format::Present(*entry) || Format::IsLeaf(*entry, level)) break;
      leads_to[level - 1] = entry;
      table = Format::Address(*entry);
    }
    for (; level < Format::kLevels; ++level) {
      table = Format::Address(*leads_to[level]);
      const Entry* entries = environment.Entries(table);
      if (std::any_of(entries, entries + kEntries, Format::Present)) return;
      environment.Write(leads_to[level], Entry{});
      environment.FreeTable(table);
    }
  }

  // Needs only the environment's Entries.
  template <typename Reader>
  Translation Lookup(Reader& environment, uint64_t address) const {
    int level = 0;
    const Entry* entry = Find(environment, address, &level);
    if (entry == nullptr) return {};
    return {Format::Address(*entry) + (address & (LevelSize(level) - 1)), level,
            Format::Attributes(*entry)};
  }

  // Frees one table that has no tables below it, and returns true; frees the root and returns
  // false when nothing else is left. Only for a table that no CPU uses any more.
  bool FreeOne(Environment& environment) {
    HostPhysical table = root_;
    Entry* parent = nullptr;
    for (int at = Format::kLevels; at > 1; --at) {
      Entry* entries = environment.Entries(table);
      const uint64_t count = at == Format::kLevels ? Format::kTop : kEntries;
      Entry* below = nullptr;
      for (uint64_t i = 0; i < count && below == nullptr; ++i) {
        if (Format::Present(entries[i]) && !Format::IsLeaf(entries[i], at)) below = entries + i;
      }
      if (below == nullptr) break;
      parent = below;
      table = Format::Address(*below);
    }
    if (parent != nullptr) environment.Write(parent, Entry{});
    environment.FreeTable(table);
    return parent != nullptr;
  }

 private:
  static constexpr uint64_t Index(uint64_t address, int level) {
    return (address >> (kPageShift + kBitsPerLevel * (level - 1))) & (kEntries - 1);
  }

  template <typename Reader>
  Entry* Find(Reader& environment, uint64_t address, int* level) const {
    HostPhysical table = root_;
    for (int at = Format::kLevels; at >= 1; --at) {
      Entry* entry = environment.Entries(table) + Index(address, at);
      if (!Format::Present(*entry)) return nullptr;
      if (at == 1 || Format::IsLeaf(*entry, at)) {
        *level = at;
        return entry;
      }
      table = Format::Address(*entry);
    }
    return nullptr;
  }

  HostPhysical root_ = {};
};

}  // namespace bulkhead

#endif  // BULKHEAD_ARCH_PAGE_TABLE_H_
