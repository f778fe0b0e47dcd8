// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_TESTS_WX_PAGE_WALKER_H_
#define BULKHEAD_TESTS_WX_PAGE_WALKER_H_

// Reads x86_64 page tables as the processor does (AMD APM 2, 5.3 and 5.6), out of a copy of a
// machine's physical memory. Written apart from the hypervisor's own code: it is what checks it.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead {

// A run of pages that are next to each other, virtually and physically, with the same rights.
// Rights are those of the whole path: a page can be written if every level says so, and executed
// unless one level says no.
struct Mapping {
  uint64_t address;  // virtual
  uint64_t physical;
  uint64_t length;
  bool write;
  bool execute;
  bool user;

  bool operator==(const Mapping&) const = default;
};

// "0x400000 + 0x1000 -> 0x7000 r-x user"
std::string ToString(const Mapping& mapping);

// All that the table at `root` maps, in the order of addresses. A table outside of `memory`, which
// starts at physical address 0, goes to `problems`.
std::vector<Mapping> WalkPageTables(std::string_view memory, uint64_t root,
                                    std::vector<std::string>* problems);

// One line for every mapping that is writable and executable, or on the wrong side: user pages in
// the upper half, the hypervisor's in the lower.
std::vector<std::string> FindBadMappings(const std::vector<Mapping>& mappings);

// One line for every writable mapping of memory that one of `executable` maps.
std::vector<std::string> FindWritableAliases(const std::vector<Mapping>& executable,
                                             const std::vector<Mapping>& mappings);

// The hypervisor fills the upper half of the first top-level table once and for all, and every
// other top-level table has the same upper half. So the top-level tables of the machine are the
// pages whose upper half is that of `root`.
std::vector<uint64_t> FindRoots(std::string_view memory, uint64_t root);

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_WX_PAGE_WALKER_H_
