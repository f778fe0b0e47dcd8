// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_TESTS_WX_PAGE_WALKER_H_
#define BULKHEAD_TESTS_WX_PAGE_WALKER_H_

// Reads page tables as the processor does, out of a copy of a machine's physical memory.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/wx/mapping.h"
#include "tests/wx/table_format.h"

namespace bulkhead {

struct PhysicalMemory {
  std::string_view bytes;
  uint64_t start = 0;  // physical address of the first byte

  // Whether the whole page is there.
  bool HasPage(uint64_t physical) const;
  // Of a table that is there.
  uint64_t Entry(uint64_t table, uint64_t index) const;
};

// The tables of an address space, as the processor's registers have them (flags beside the
// addresses are ignored). One root on x86_64.
struct Roots {
  uint64_t lower;
  uint64_t upper;
};

// All that they map, in the order of addresses. What cannot be followed goes to `problems`: a table
// outside of memory, a reserved entry.
std::vector<Mapping> WalkPageTables(const TableFormat& format, const PhysicalMemory& memory,
                                    const Roots& roots, std::vector<std::string>* problems);

// x86_64 only. The hypervisor fills the upper half of the first top-level table once and for all,
// and every other top-level table has the same upper half. So the top-level tables of the machine
// are the pages whose upper half is that of `root`.
std::vector<uint64_t> FindRoots(const PhysicalMemory& memory, uint64_t root);

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_WX_PAGE_WALKER_H_
