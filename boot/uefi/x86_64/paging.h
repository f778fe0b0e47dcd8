// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_UEFI_X86_64_PAGING_H_
#define BULKHEAD_BOOT_UEFI_X86_64_PAGING_H_

// The page tables with which the loader enters the hypervisor (AMD APM 2, 5.3): RAM one to one, and
// the image at its link address. Writable and executable throughout: the hypervisor replaces them
// before it does anything else. Free of the firmware, so that it is tested on the host.

#include <cstdint>

namespace bulkhead::uefi {

struct BootMapping {
  uint64_t identity_end = 0;    // bytes, rounded up to whole GiB; at most kMaxIdentity
  uint64_t image_virtual = 0;   // 2 MiB aligned, in the top 1 GiB or the one below
  uint64_t image_physical = 0;  // 2 MiB aligned
  uint64_t image_length = 0;    // bytes; may not cross a GiB
  bool gigabyte_pages = false;  // whether the CPU has them
};

inline constexpr uint64_t kMaxIdentity = uint64_t{1} << 46;

// Pages of 4 KiB that BuildPageTables needs.
uint64_t PageTablePages(const BootMapping& mapping);

// Builds the tables in `memory`, PageTablePages() pages whose physical address equals the pointer.
// Returns the physical address of the root, for CR3.
uint64_t BuildPageTables(const BootMapping& mapping, uint64_t* memory);

}  // namespace bulkhead::uefi

#endif  // BULKHEAD_BOOT_UEFI_X86_64_PAGING_H_
