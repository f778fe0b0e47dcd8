// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_X86_64_GUEST_PAGE_WALK_H_
#define BULKHEAD_VMM_X86_64_GUEST_PAGE_WALK_H_

// What a guest's linear address means, by the guest's own page tables: no paging, 32-bit, PAE and
// 4-level paging with all page sizes (AMD APM 2, chapter 5). 5-level paging is not offered to
// guests. The tables are guest memory and may hold anything.

#include <cstdint>
#include <span>

#include "virtio/guest_memory.h"
#include "vmm/x86_64/cpu_state.h"

namespace bulkhead {

enum class LinearAccess : uint8_t { kFetch, kRead, kWrite };

struct Translation {
  enum class Outcome : uint8_t {
    kOk,
    kPageFault,     // the guest would get #PF with error_code
    kNonCanonical,  // the guest would get #GP
    kNoTable,       // a page table lies where there is no RAM, or the paging mode is unknown
  };
  Outcome outcome = Outcome::kOk;
  uint32_t error_code = 0;  // of the page fault (AMD APM 2, 8.4.2)
  uint64_t linear = 0;      // unless kOk: the address without a translation, CR2 of a page fault
  GuestPhysical address{};  // meaningful when kOk
  bool ok() const { return outcome == Outcome::kOk; }
};

// Translates one address, with the checks that the processor would make for this access. kRead and
// kWrite set Accessed and Dirty bits as it would. At most four reads of guest memory.
Translation TranslateLinear(const PagingState& paging, const GuestMemory& memory, uint64_t linear,
                            LinearAccess access);

// Copies guest memory out of a linear range, page by page. `count` gets the bytes copied before
// the first page that has no translation (which is returned) or is not RAM (then kOk).
Translation ReadLinear(const PagingState& paging, const GuestMemory& memory, uint64_t linear,
                       LinearAccess access, std::span<uint8_t> out, size_t& count);

// The same towards guest memory. Nothing is written unless all pages of the range translate, and
// are RAM.
Translation WriteLinear(const PagingState& paging, const GuestMemory& memory, uint64_t linear,
                        std::span<const uint8_t> bytes, size_t& count);

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_X86_64_GUEST_PAGE_WALK_H_
