// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "tests/wx/page_walker.h"

#include <cinttypes>
#include <cstdio>
#include <cstring>

namespace bulkhead {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kEntries = 512;
constexpr int kLevels = 4;
constexpr uint64_t kRootAddress = 0x0000'ffff'ffff'f000;
constexpr uint64_t kUpperHalf = 0xffff'0000'0000'0000;
// In x86_64 entries, set by the processor (AMD APM 2, 5.4.2).
constexpr uint64_t kAccessed = 1 << 5;
constexpr uint64_t kDirty = 1 << 6;

constexpr Rights kAll = {
    .write = true, .user = true, .user_execute = true, .hypervisor_execute = true};

Rights Both(const Rights& a, const Rights& b) {
  return {.write = a.write && b.write,
          .user = a.user && b.user,
          .user_execute = a.user_execute && b.user_execute,
          .hypervisor_execute = a.hypervisor_execute && b.hypervisor_execute};
}

std::string Problem(const char* what, uint64_t table, uint64_t address) {
  char text[128];
  std::snprintf(text, sizeof(text), "%s 0x%" PRIx64 " for 0x%" PRIx64, what, table, address);
  return text;
}

class Walker {
 public:
  Walker(const TableFormat& format, const PhysicalMemory& memory,
         std::vector<std::string>* problems)
      : format_(format), memory_(memory), problems_(problems) {}

  // Entry 0 is for `address`.
  void Walk(uint64_t table, int level, uint64_t address, const Rights& above, uint64_t first = 0,
            uint64_t end = kEntries) {
    if (!memory_.HasPage(table)) {
      problems_->push_back(Problem("outside of memory: table", table, address));
      return;
    }
    const int shift = 12 + 9 * (level - 1);
    for (uint64_t i = first; i < end; ++i) {
      const TableEntry entry = format_.decode(memory_.Entry(table, i), level);
      const uint64_t at = address + (i << shift);
      const Rights here = Both(above, entry.allows);
      switch (entry.kind) {
        case TableEntry::Kind::kNothing:
          break;
        case TableEntry::Kind::kTable:
          Walk(entry.physical, level - 1, at, here);
          break;
        case TableEntry::Kind::kPage: {
          const uint64_t length = uint64_t{1} << shift;
          Add({at, entry.physical & ~(length - 1), length, format_.finish(here)});
          break;
        }
        case TableEntry::Kind::kReserved:
          problems_->push_back(Problem("reserved entry in table", table, at));
          break;
      }
    }
  }

  const std::vector<Mapping>& found() const { return found_; }

 private:
  void Add(const Mapping& mapping) {
    if (!found_.empty()) {
      Mapping& last = found_.back();
      if (last.address + last.length == mapping.address &&
          last.physical + last.length == mapping.physical && last.rights == mapping.rights) {
        last.length += mapping.length;
        return;
      }
    }
    found_.push_back(mapping);
  }

  const TableFormat& format_;
  const PhysicalMemory& memory_;
  std::vector<std::string>* const problems_;
  std::vector<Mapping> found_;
};

}  // namespace

bool PhysicalMemory::HasPage(uint64_t physical) const {
  return physical >= start && physical - start < bytes.size() &&
         bytes.size() - (physical - start) >= kPage;
}

uint64_t PhysicalMemory::Entry(uint64_t table, uint64_t index) const {
  uint64_t entry;
  std::memcpy(&entry, bytes.data() + (table - start) + index * sizeof(entry), sizeof(entry));
  return entry;
}

std::vector<Mapping> WalkPageTables(const TableFormat& format, const PhysicalMemory& memory,
                                    const Roots& roots, std::vector<std::string>* problems) {
  Walker walker(format, memory, problems);
  const uint64_t lower_end = format.one_root ? kEntries / 2 : kEntries;
  const uint64_t upper_first = format.one_root ? kEntries / 2 : 0;
  walker.Walk(roots.lower & kRootAddress, kLevels, 0, kAll, 0, lower_end);
  walker.Walk(roots.upper & kRootAddress, kLevels, kUpperHalf, kAll, upper_first);
  return walker.found();
}

std::vector<uint64_t> FindRoots(const PhysicalMemory& memory, uint64_t root) {
  std::vector<uint64_t> out;
  const auto is_root = [&](uint64_t page) {
    for (uint64_t i = kEntries / 2; i < kEntries; ++i) {
      const uint64_t difference = memory.Entry(page, i) ^ memory.Entry(root & kRootAddress, i);
      if ((difference & ~(kAccessed | kDirty)) != 0) return false;
    }
    return true;
  };
  for (uint64_t page = memory.start; memory.HasPage(page); page += kPage) {
    if (is_root(page)) out.push_back(page);
  }
  return out;
}

}  // namespace bulkhead
