// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_TESTS_WX_TABLE_FORMAT_H_
#define BULKHEAD_TESTS_WX_TABLE_FORMAT_H_

#include <cstdint>

#include "tests/wx/mapping.h"

namespace bulkhead {

// What one entry says.
struct TableEntry {
  enum class Kind { kNothing, kTable, kPage, kReserved };

  Kind kind = Kind::kNothing;
  uint64_t physical = 0;  // of the table, or of the page once its offset bits are cleared
  Rights allows = {};     // here and below
};

// How a processor reads page tables of four levels with 4 KiB pages. Level 4 is the root, level 1
// has pages of 4 KiB. Written apart from the hypervisor's own code: it is what checks it.
struct TableFormat {
  // Whether one root has both halves of the address space, or each half has its own.
  bool one_root;
  TableEntry (*decode)(uint64_t entry, int level);
  // From what each level allows by itself to what a page allows.
  Rights (*finish)(Rights all_levels);
};

// AMD APM 2, 5.3 and 5.6; with CR0.WP, EFER.NXE and CR4.SMEP set.
extern const TableFormat kX86_64Tables;
// Arm ARM DDI 0487, D8.3 and D8.4: stage 1 of the EL2&0 regime, with hierarchical permissions.
// SCTLR_EL2.WXN is left out: tables must be right without it.
extern const TableFormat kAarch64Tables;

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_WX_TABLE_FORMAT_H_
