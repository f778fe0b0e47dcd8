// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_ELF_H_
#define BULKHEAD_BOOT_ELF_H_

// Executables in the ELF64 little-endian format (System V ABI, chapters 4 and 5), read in place.
// Used for the hypervisor, the programs on it and guest kernels.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/format.h"

namespace bulkhead {

inline constexpr uint32_t kMaxElfProgramHeaders = 64;
inline constexpr uint32_t kMaxElfSegments = 16;  // PT_LOAD with memory
inline constexpr uint32_t kMaxElfNoteSegments = 4;

enum class ElfMachine : uint16_t {
  kX86_64 = 62,    // EM_X86_64
  kAarch64 = 183,  // EM_AARCH64
};

enum class ElfErrorKind : uint8_t {
  kNone,
  kNotElf,         // no ELF magic
  kNotElf64,       // not 64-bit little-endian of version 1
  kWrongMachine,   // value: e_machine
  kNotExecutable,  // value: e_type, not ET_EXEC
  kBadHeader,      // the sizes of the headers are not those of ELF64
  kTruncated,      // value: offset of the first byte that is needed and missing
  kTooMany,        // value: number of program headers, or too many segments to load
  kNoSegments,     // nothing to load
  kBadSegment,     // value: index of the program header: its ranges make no sense
  kOverlap,        // value: index of a program header that overlaps an earlier one
  kBadEntry,       // value: e_entry, not in an executable segment
  kBadNote,        // value: index of the program header with a malformed note
  kNoPvhEntry,     // no XEN_ELFNOTE_PHYS32_ENTRY note
  kBadPvhEntry,    // value: the entry, not in an executable segment, or its note is malformed
};

struct ElfError {
  ElfErrorKind kind = ElfErrorKind::kNone;
  uint64_t value = 0;

  bool ok() const { return kind == ElfErrorKind::kNone; }
};

// Writes a phrase without a subject: "not an ELF file", "segment 2 runs past ...". Say before it
// which file is meant.
TextWriter& operator<<(TextWriter& out, const ElfError& error);

// A PT_LOAD segment with memory_size > 0. All sums of address and size fit 64 bits.
struct ElfSegment {
  uint64_t virtual_address = 0;
  uint64_t physical_address = 0;
  uint64_t memory_size = 0;              // bytes, at least data.size(); the rest is to be zeroed
  std::span<const std::byte> data = {};  // what the file gives
  bool readable = false;
  bool writable = false;
  bool executable = false;
};

// The part of an address space that the segments span. Not page-aligned.
struct ElfRange {
  uint64_t start = 0;
  uint64_t end = 0;  // exclusive
};

// Xen public ABI, elfnote.h: the 32-bit physical entry point for PVH boot.
inline constexpr std::string_view kXenNoteOwner = "Xen";
inline constexpr uint32_t kXenNotePhys32Entry = 18;

// A checked executable. Refers to the file, owns nothing; the headers were copied before they
// were checked, so the file's later changes can alter data but no range.
class ElfImage {
 public:
  ElfImage() = default;

  // Checks `file` and lets `image` refer to it, or says what is wrong. `image` is meaningful only
  // if there is no error.
  static ElfError Parse(std::span<const std::byte> file, ElfMachine machine, ElfImage& image);

  // In the file's order, without overlap in virtual nor in physical addresses.
  std::span<const ElfSegment> segments() const { return {segments_.data(), segment_count_}; }

  // e_entry: inside an executable segment, by virtual address or (Linux) by physical address.
  uint64_t entry() const { return entry_; }
  bool IsExecutableVirtual(uint64_t address) const;
  bool IsExecutablePhysical(uint64_t address) const;

  ElfRange VirtualRange() const;
  ElfRange PhysicalRange() const;

  // Finds the descriptor of the first note of that owner and type in `descriptor`: nothing if
  // there is none.
  ElfError FindNote(std::string_view owner, uint32_t type,
                    std::optional<std::span<const std::byte>>& descriptor) const;

  // The physical address at which a PVH loader starts the image in 32-bit mode.
  ElfError PvhEntry(uint32_t& entry) const;

 private:
  struct NoteSegment {
    std::span<const std::byte> data;
    uint64_t alignment = 4;
    uint32_t index = 0;  // of the program header
  };

  ElfError AddProgramHeader(std::span<const std::byte> file, uint32_t index,
                            std::span<const std::byte> header);
  ElfError AddSegment(uint32_t index, const ElfSegment& segment);

  std::array<ElfSegment, kMaxElfSegments> segments_;
  std::array<NoteSegment, kMaxElfNoteSegments> notes_;
  uint32_t segment_count_ = 0;
  uint32_t note_count_ = 0;
  uint64_t entry_ = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_BOOT_ELF_H_
