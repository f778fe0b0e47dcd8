// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CONTROL_VMM_PROGRAM_H_
#define BULKHEAD_CONTROL_VMM_PROGRAM_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/status.h"
#include "boot/elf.h"
#include "control/physical.h"

namespace bulkhead {

// The program that every VMM runs. What it only reads or executes is in memory once, whatever the
// number of pods: its mappings cannot be made writable, for no VMM has a handle of that memory.
class VmmProgram {
 public:
  // Loads what is shared, for good. `elf` and its file stay.
  Status Load(const ElfImage& elf, AddressArea& area);

  // Maps the program for a new process, with fresh memory for what it writes to. That is charged
  // to the caller. `scratch`: where the caller's own address space has room for a segment.
  Status MapInto(uint64_t process, uint64_t scratch) const;

  uint64_t entry() const { return entry_; }

 private:
  struct Segment {
    uint64_t start = 0;   // page-aligned
    uint64_t length = 0;  // bytes, whole pages
    uint64_t rights = 0;
    uint64_t shared = 0;              // handle of the Memory that all map; 0: each has its own
    std::span<const std::byte> data;  // of a segment that each has its own of
    uint64_t data_offset = 0;         // of that, from the start
  };

  std::span<const Segment> segments() const { return std::span(segments_).first(count_); }

  std::array<Segment, kMaxElfSegments> segments_;
  uint32_t count_ = 0;
  uint64_t entry_ = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROL_VMM_PROGRAM_H_
