// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "tests/wx/page_walker.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>

namespace bulkhead {
namespace {

constexpr uint64_t kPresent = 1 << 0;
constexpr uint64_t kWrite = 1 << 1;
constexpr uint64_t kUser = 1 << 2;
constexpr uint64_t kAccessed = 1 << 5;
constexpr uint64_t kDirty = 1 << 6;
constexpr uint64_t kLarge = 1 << 7;
constexpr uint64_t kNoExecute = uint64_t{1} << 63;
constexpr uint64_t kAddress = 0x000f'ffff'ffff'f000;
constexpr uint64_t kPage = 4096;
constexpr uint64_t kEntries = 512;
constexpr uint64_t kUpperHalf = uint64_t{1} << 63;

uint64_t Entry(std::string_view memory, uint64_t table, uint64_t index) {
  uint64_t entry;
  std::memcpy(&entry, memory.data() + table + index * sizeof(entry), sizeof(entry));
  return entry;
}

std::string HexText(uint64_t value) {
  char text[32];
  std::snprintf(text, sizeof(text), "0x%" PRIx64, value);
  return text;
}

struct Walker {
  std::string_view memory;
  std::vector<Mapping> found;
  std::vector<std::string>* problems;

  void Walk(uint64_t table, int level, uint64_t address, uint64_t rights) {
    if (table + kPage > memory.size()) {
      problems->push_back("table at " + HexText(table) + " for " + HexText(address) +
                          " is not in memory");
      return;
    }
    const int shift = 12 + 9 * (level - 1);
    for (uint64_t i = 0; i < kEntries; ++i) {
      const uint64_t entry = Entry(memory, table, i);
      if ((entry & kPresent) == 0) continue;
      uint64_t at = address + (i << shift);
      if (level == 4 && i >= kEntries / 2) at |= 0xffff'0000'0000'0000;  // canonical form
      const uint64_t here = (rights & entry & (kWrite | kUser)) | ((rights | entry) & kNoExecute);
      if (level == 1 || (level < 4 && (entry & kLarge) != 0)) {
        const uint64_t length = uint64_t{1} << shift;
        Add({.address = at,
             .physical = entry & kAddress & ~(length - 1),
             .length = length,
             .write = (here & kWrite) != 0,
             .execute = (here & kNoExecute) == 0,
             .user = (here & kUser) != 0});
      } else {
        Walk(entry & kAddress, level - 1, at, here);
      }
    }
  }

  void Add(const Mapping& mapping) {
    if (!found.empty()) {
      Mapping& last = found.back();
      if (last.address + last.length == mapping.address &&
          last.physical + last.length == mapping.physical && last.write == mapping.write &&
          last.execute == mapping.execute && last.user == mapping.user) {
        last.length += mapping.length;
        return;
      }
    }
    found.push_back(mapping);
  }
};

}  // namespace

std::string ToString(const Mapping& mapping) {
  return HexText(mapping.address) + " + " + HexText(mapping.length) + " -> " +
         HexText(mapping.physical) + " r" + (mapping.write ? "w" : "-") +
         (mapping.execute ? "x" : "-") + (mapping.user ? " user" : " hypervisor");
}

std::vector<Mapping> WalkPageTables(std::string_view memory, uint64_t root,
                                    std::vector<std::string>* problems) {
  Walker walker = {memory, {}, problems};
  walker.Walk(root & kAddress, 4, 0, kWrite | kUser);
  return walker.found;
}

std::vector<std::string> FindBadMappings(const std::vector<Mapping>& mappings) {
  std::vector<std::string> out;
  for (const Mapping& mapping : mappings) {
    if (mapping.write && mapping.execute) {
      out.push_back("writable and executable: " + ToString(mapping));
    }
    if (mapping.user == (mapping.address >= kUpperHalf)) {
      out.push_back("on the wrong side: " + ToString(mapping));
    }
  }
  return out;
}

std::vector<std::string> FindWritableAliases(const std::vector<Mapping>& executable,
                                             const std::vector<Mapping>& mappings) {
  std::vector<std::string> out;
  for (const Mapping& text : executable) {
    if (!text.execute) continue;
    for (const Mapping& mapping : mappings) {
      if (mapping.write && mapping.physical < text.physical + text.length &&
          text.physical < mapping.physical + mapping.length) {
        out.push_back("text " + ToString(text) + " can be written through " + ToString(mapping));
      }
    }
  }
  return out;
}

std::vector<uint64_t> FindRoots(std::string_view memory, uint64_t root) {
  std::vector<uint64_t> out;
  const auto is_root = [&](uint64_t page) {
    for (uint64_t i = kEntries / 2; i < kEntries; ++i) {
      // The processor sets these two by itself.
      const uint64_t difference = Entry(memory, page, i) ^ Entry(memory, root, i);
      if ((difference & ~(kAccessed | kDirty)) != 0) return false;
    }
    return true;
  };
  for (uint64_t page = 0; page + kPage <= memory.size(); page += kPage) {
    if (is_root(page)) out.push_back(page);
  }
  return out;
}

}  // namespace bulkhead
