// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_X86_64_PVH_H_
#define BULKHEAD_VMM_X86_64_PVH_H_

// Loads a guest kernel through its PVH note and sets up what it finds at its entry (Xen public
// ABI, docs/misc/pvh and arch-x86/hvm/start_info.h).

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/format.h"
#include "boot/elf.h"
#include "virtio/guest_memory.h"
#include "vmm/x86_64/cpu_state.h"

namespace bulkhead {

struct PvhGuest {
  std::span<const std::byte> kernel;     // ELF, uncompressed
  std::span<const std::byte> initramfs;  // empty: none
  std::string_view command_line;         // without NUL
  GuestPhysical rsdp{};                  // of BuildAcpiTables; 0: none
};

enum class PvhErrorKind : uint8_t {
  kNone,
  kBadKernel,           // elf says why
  kKernelPlace,         // address: a segment lies below 1 MiB or beyond 4 GiB
  kNoMemory,            // needed, available: bytes of RAM
  kCommandLineTooLong,  // needed, available: bytes without NUL
};

struct PvhError {
  PvhErrorKind kind = PvhErrorKind::kNone;
  ElfError elf;
  uint64_t address = 0;
  uint64_t needed = 0;
  uint64_t available = 0;

  bool ok() const { return kind == PvhErrorKind::kNone; }
};

// Writes one sentence without a full stop.
TextWriter& operator<<(TextWriter& out, const PvhError& error);

// Attributes as the processor's control block has them: descriptor bits 55:52 and 47:40 joined
// (AMD APM 2, 15.5.1).
struct SegmentState {
  uint16_t selector = 0;
  uint16_t attributes = 0;
  uint32_t limit = 0;
  uint64_t base = 0;
};

// The processor's registers at the 32-bit entry; those not named here are as after reset.
struct EntryState {
  GprFile gpr{};
  uint64_t rip = 0;
  uint64_t rflags = 0;
  uint64_t cr0 = 0;
  uint64_t cr3 = 0;
  uint64_t cr4 = 0;
  uint64_t efer = 0;
  SegmentState code;  // CS
  SegmentState data;  // DS, ES, SS, FS, GS
  SegmentState task;  // TR
};

struct LoadedKernel {
  EntryState entry;
  uint64_t kernel_start = 0;  // guest-physical
  uint64_t kernel_end = 0;    // exclusive
  uint64_t initramfs_start = 0;
};

// RAM that must be left when kernel and initramfs are placed, for the kernel to start at all. A
// pod needs more; this only tells a memory size that cannot work from one that may.
inline constexpr uint64_t kPvhWorkingMemory = uint64_t{16} << 20;

// Copies kernel and initramfs into guest memory, with start info, memory map, module list and
// command line where vmm/layout.h says. `memory` starts at 0 and is zeroed. On an error parts of
// it may have been written.
PvhError LoadPvhKernel(const PvhGuest& guest, const GuestMemory& memory, LoadedKernel& loaded);

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_X86_64_PVH_H_
