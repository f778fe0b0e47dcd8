// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_HYPERVISOR_ADDRESS_SPACE_H_
#define BULKHEAD_HYPERVISOR_ADDRESS_SPACE_H_

// What is mapped where: a list of mappings over a page table, for processes (host format) and for
// virtual machines (nested format). Mapping and unmapping are done in bounded parts.

#include <algorithm>
#include <cstdint>
#include <new>

#include "arch/cpu.h"
#include "arch/page_table.h"
#include "arch/paging.h"
#include "base/align.h"
#include "base/status.h"
#include "hypervisor/arena.h"
#include "hypervisor/memory.h"

namespace bulkhead {

// Page tables of a running system: in pages charged to the owner's quota.
template <typename Format>
class ArenaTables {
 public:
  using Entry = typename Format::Entry;

  explicit ArenaTables(Arena& arena) : arena_(arena) {}
  Result<HostPhysical> AllocateTable() { return arena_.AllocatePage(); }
  void FreeTable(HostPhysical table) { arena_.FreePage(table); }
  static Entry* Entries(HostPhysical table) { return arch::ToPointer<Entry>(table); }
  static void Write(Entry* entry, Entry value) { arch::WriteEntry(entry, value); }

 private:
  Arena& arena_;
};

template <typename Format>
class AddressSpace {
 public:
  // They are a list that every call looks through.
  static constexpr uint64_t kMaxMappings = 512;

  // Makes the root table, charged to `arena`.
  Status Initialize(Arena& arena) {
    ArenaTables<Format> tables(arena);
    const Result<HostPhysical> root = tables.AllocateTable();
    if (!root.ok()) return root.status();
    table_ = Table(*root);
    return Status::kOk;
  }

  HostPhysical root() const { return table_.root(); }

  // Maps [offset, offset + length) of `memory` at `address`, a part at a time: returns how many
  // bytes are mapped so far. The mapping refers to the memory until it is gone. kExists: something
  // else is mapped in the range, or the same with other attributes. kQuotaExceeded: also for more
  // than kMaxMappings. A failure before the first byte leaves no mapping behind.
  Result<uint64_t> Map(uint64_t address, Memory& memory, uint64_t offset, uint64_t length,
                       PageAttributes attributes, Arena& arena, PageAllocator& pages) {
    Mapping* mapping = Find(address, length);
    if (mapping == nullptr) {
      if (Overlaps(address, length)) return Status::kExists;
      if (mapping_count_ == kMaxMappings) return Status::kQuotaExceeded;
      const Result<void*> piece = arena.Allocate(sizeof(Mapping));
      if (!piece.ok()) return piece.status();
      mapping =
          new (*piece) Mapping{mappings_, &memory, address, length, offset, 0, attributes, false};
      mappings_ = mapping;
      ++mapping_count_;
      Retain(memory);
    } else if (mapping->memory != &memory || mapping->offset != offset ||
               mapping->attributes != attributes || mapping->unmapping) {
      return Status::kExists;
    }
    const Status status = MapPart(*mapping, arena, pages);
    if (status == Status::kOk) return mapping->done;
    ArenaTables<Format> tables(arena);
    table_.Prune(tables, address + mapping->done);
    // Whoever passed the memory still refers to it: this reference was not the last.
    if (mapping->done == 0) Forget(mapping, arena, [](Memory& held) { DropReference(held); });
    return status;
  }

  // Takes a mapping away, a part at a time: returns how many bytes are left. `release` is called
  // with the Memory when nothing is. The caller flushes the TLB each time.
  template <typename Release>
  Result<uint64_t> Unmap(uint64_t address, uint64_t length, Arena& arena, Release release) {
    Mapping* mapping = Find(address, length);
    if (mapping == nullptr) return Status::kNotFound;
    mapping->unmapping = true;
    ArenaTables<Format> tables(arena);
    for (uint64_t work = 0; work < kWork && mapping->done > 0; ++work) {
      const Translation last = table_.Lookup(tables, address + mapping->done - 1);
      if (last.level == 0) return Status::kCorrupt;
      const uint64_t size = Table::LevelSize(last.level);
      table_.Clear(tables, address + mapping->done - size);
      mapping->done -= size;
      // The last page of a table is gone, or the last of this mapping's.
      const uint64_t end = address + mapping->done;
      if (mapping->done == 0 || IsAligned(end, Table::LevelSize(last.level + 1))) {
        table_.Prune(tables, end);
      }
    }
    const uint64_t left = mapping->done;
    if (left == 0) Forget(mapping, arena, release);
    return left;
  }

  Translation Lookup(uint64_t address) const {
    // Looking up allocates nothing.
    struct ReadOnly {
      static typename Format::Entry* Entries(HostPhysical table) {
        return arch::ToPointer<typename Format::Entry>(table);
      }
    } tables;
    return table_.Lookup(tables, address);
  }

  // Takes the space apart: one mapping or one table a call; false when nothing is left.
  template <typename Release>
  bool FreeOne(Arena& arena, Release release) {
    if (Raw(table_.root()) == 0) return false;
    if (mappings_ != nullptr) {
      Forget(mappings_, arena, release);
      return true;
    }
    ArenaTables<Format> tables(arena);
    if (table_.FreeOne(tables)) return true;
    table_ = Table();
    return false;
  }

 private:
  using Table = PageTable<Format, ArenaTables<Format>>;

  // Pages in one call: a few superpages to zero, or as much time in small ones.
  static constexpr uint64_t kWork = 128;

  struct Mapping {
    Mapping* next;
    Memory* memory;
    uint64_t address;
    uint64_t length;
    uint64_t offset;
    uint64_t done;  // bytes mapped, from the start
    PageAttributes attributes;
    bool unmapping;
  };

  // Goes on with a mapping, for as much as one call may do.
  Status MapPart(Mapping& mapping, Arena& arena, PageAllocator& pages) {
    Memory& memory = *mapping.memory;
    PageAttributes attributes = mapping.attributes;
    attributes.device = memory.device();
    ArenaTables<Format> tables(arena);
    for (uint64_t work = 0; work < kWork && mapping.done < mapping.length;) {
      const uint64_t at = mapping.address + mapping.done;
      const Result<Memory::Piece> piece = memory.Populate(mapping.offset + mapping.done, pages);
      if (!piece.ok()) return piece.status();
      const bool super = (piece->superpage || memory.fixed()) &&
                         IsAligned(at | Raw(piece->physical), kSuperpageSize) &&
                         mapping.length - mapping.done >= kSuperpageSize;
      const int level = super ? 2 : 1;
      BULKHEAD_RETURN_IF_ERROR(table_.Prepare(tables, at, level));
      if (attributes.execute && attributes.user) {
        arch::SynchronizeCode(piece->physical, Table::LevelSize(level));
      }
      table_.Commit(tables, at, level, piece->physical, attributes);
      mapping.done += Table::LevelSize(level);
      work += super ? kWork / 2 : 1;
    }
    return Status::kOk;
  }

  Mapping* Find(uint64_t address, uint64_t length) const {
    Mapping* mapping = mappings_;
    while (mapping != nullptr && (mapping->address != address || mapping->length != length)) {
      mapping = mapping->next;
    }
    return mapping;
  }

  bool Overlaps(uint64_t address, uint64_t length) const {
    for (const Mapping* m = mappings_; m != nullptr; m = m->next) {
      if (address < m->address + m->length && m->address < address + length) return true;
    }
    return false;
  }

  template <typename Release>
  void Forget(Mapping* mapping, Arena& arena, Release release) {
    Mapping** link = &mappings_;
    while (*link != mapping) link = &(*link)->next;
    *link = mapping->next;
    --mapping_count_;
    Memory* memory = mapping->memory;
    arena.Free(mapping);
    release(*memory);
  }

  Table table_;
  Mapping* mappings_ = nullptr;
  uint64_t mapping_count_ = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_HYPERVISOR_ADDRESS_SPACE_H_
