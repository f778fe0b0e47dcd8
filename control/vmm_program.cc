// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "control/vmm_program.h"

#include <cstring>

#include "base/align.h"
#include "control/machine.h"
#include "hypervisor/abi/calls.h"
#include "hypervisor/abi/types.h"
#include "runtime/runtime.h"

namespace bulkhead {
namespace {

// Memory of `length` bytes with `data` at `offset`: its handle. It is mapped at `scratch` only
// while it is written.
Result<uint64_t> MakeFilled(uint64_t scratch, uint64_t length, std::span<const std::byte> data,
                            uint64_t offset, bool executable) {
  const Result<OwnMemory> memory = AllocateMemory(scratch, length);
  if (!memory.ok()) return memory.status();
  std::memcpy(memory->bytes.data() + offset, data.data(), data.size());
  if (executable) machine::SyncInstructions(memory->bytes);
  UnmapMemory(*memory);
  return memory->handle;
}

}  // namespace

Status VmmProgram::Load(const ElfImage& elf, AddressArea& area) {
  for (const ElfSegment& elf_segment : elf.segments()) {
    const uint64_t start = AlignDown(elf_segment.virtual_address, kPageSize);
    const uint64_t end = AlignUp(elf_segment.virtual_address + elf_segment.memory_size, kPageSize);
    Segment& segment = segments_[count_++];
    segment = {.start = start,
               .length = end - start,
               .rights = uint64_t{abi::kRead} | (elf_segment.writable ? abi::kWrite : 0) |
                         (elf_segment.executable ? abi::kExecute : 0),
               .data = elf_segment.data,
               .data_offset = elf_segment.virtual_address - start};
    if (elf_segment.writable) continue;
    const Result<uint64_t> shared =
        MakeFilled(area.Take(segment.length), segment.length, segment.data, segment.data_offset,
                   elf_segment.executable);
    if (!shared.ok()) return shared.status();
    segment.shared = *shared;
  }
  entry_ = elf.entry();
  return Status::kOk;
}

Status VmmProgram::MapInto(uint64_t process, uint64_t scratch) const {
  for (const Segment& segment : segments()) {
    uint64_t memory = segment.shared;
    if (memory == 0) {
      const Result<uint64_t> own =
          MakeFilled(scratch, segment.length, segment.data, segment.data_offset, false);
      if (!own.ok()) return own.status();
      memory = *own;
    }
    const Status status =
        MapInProcess(process, segment.start, memory, 0, segment.length, segment.rights);
    // The mapping keeps it; the supervisor has no more business with it.
    if (segment.shared == 0) (void)call::HandleClose(memory);
    if (status != Status::kOk) return status;
  }
  return Status::kOk;
}

}  // namespace bulkhead
