// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_X86_64_E820_H_
#define BULKHEAD_BOOT_X86_64_E820_H_

#include <cstdint>

namespace bulkhead {

// An entry of the memory map, in PVH's start info (Xen public ABI, hvm_memmap_table_entry) as in
// multiboot2's information (Multiboot2 Specification 2.0, 3.6.8).
struct E820Range {
  uint64_t address;  // physical
  uint64_t length;   // bytes
  uint32_t type;     // ACPI 6.4, table 15.4
  uint32_t reserved;
};
static_assert(sizeof(E820Range) == 24);

}  // namespace bulkhead

#endif  // BULKHEAD_BOOT_X86_64_E820_H_
