// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_MULTIBOOT2_INFORMATION_H_
#define BULKHEAD_BOOT_MULTIBOOT2_INFORMATION_H_

// The information that a multiboot2 loader hands over (Multiboot2 Specification 2.0, 3.4 to 3.6):
// a list of tags. Free of the machine, so that it is tested on the host.

#include <cstddef>
#include <cstdint>
#include <span>

#include "boot/x86_64/loader_handover.h"

namespace bulkhead {

// In EAX at the entry.
inline constexpr uint32_t kMultiboot2Magic = 0x36d76289;

// Far more than any loader writes.
inline constexpr uint32_t kMaxMultiboot2Information = 1 << 20;  // bytes

// What the information begins with.
struct Multiboot2Header {
  uint32_t total_size;  // bytes, with this header
  uint32_t reserved;
};
static_assert(sizeof(Multiboot2Header) == 8);

// Takes memory map, command line, root pointer and the first module, the bundle. `information` is
// all of it, 8-byte aligned, and lies at `physical`; the handover points into it. Returns what is
// wrong: one phrase, static.
const char* ReadMultiboot2Information(std::span<const std::byte> information, uint64_t physical,
                                      LoaderHandover& handover);

}  // namespace bulkhead

#endif  // BULKHEAD_BOOT_MULTIBOOT2_INFORMATION_H_
