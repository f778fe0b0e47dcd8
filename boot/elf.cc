// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/elf.h"

#include <algorithm>
#include <cstring>

#include "base/align.h"

namespace bulkhead {
namespace {

// System V ABI, chapter 4, "ELF Header", and chapter 5, "Program Header".
struct FileHeader {
  uint8_t ident[16];
  uint16_t type;
  uint16_t machine;
  uint32_t version;
  uint64_t entry;
  uint64_t program_header_offset;
  uint64_t section_header_offset;
  uint32_t flags;
  uint16_t header_size;
  uint16_t program_header_size;
  uint16_t program_header_count;
  uint16_t section_header_size;
  uint16_t section_header_count;
  uint16_t section_name_index;
};
static_assert(sizeof(FileHeader) == 64);
static_assert(offsetof(FileHeader, entry) == 24);
static_assert(offsetof(FileHeader, program_header_count) == 56);

struct ProgramHeader {
  uint32_t type;
  uint32_t flags;
  uint64_t offset;
  uint64_t virtual_address;
  uint64_t physical_address;
  uint64_t file_size;
  uint64_t memory_size;
  uint64_t alignment;
};
static_assert(sizeof(ProgramHeader) == 56);
static_assert(offsetof(ProgramHeader, alignment) == 48);

struct NoteHeader {
  uint32_t name_size;  // bytes, terminating NUL included
  uint32_t descriptor_size;
  uint32_t type;
};
static_assert(sizeof(NoteHeader) == 12);

constexpr uint8_t kMagic[] = {0x7f, 'E', 'L', 'F'};
constexpr size_t kClassIndex = 4;
constexpr size_t kDataIndex = 5;
constexpr size_t kVersionIndex = 6;
constexpr uint8_t kClass64 = 2;
constexpr uint8_t kLittleEndian = 1;
constexpr uint8_t kCurrentVersion = 1;
constexpr uint16_t kTypeExecutable = 2;
constexpr uint32_t kLoad = 1;
constexpr uint32_t kNote = 4;
constexpr uint32_t kExecutableFlag = 1;
constexpr uint32_t kWritableFlag = 2;
constexpr uint32_t kReadableFlag = 4;

// The bytes must be there: callers check first.
template <typename T>
T Copy(std::span<const std::byte> bytes, uint64_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

bool Wraps(uint64_t start, uint64_t size) { return start + size < start; }

bool Overlaps(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size) {
  return a < b + b_size && b < a + a_size;
}

}  // namespace

ElfError ElfImage::Parse(std::span<const std::byte> file, ElfMachine machine, ElfImage& image) {
  image = ElfImage();
  if (file.size() < sizeof(kMagic) || std::memcmp(file.data(), kMagic, sizeof(kMagic)) != 0) {
    return {ElfErrorKind::kNotElf};
  }
  if (file.size() < sizeof(FileHeader)) return {ElfErrorKind::kTruncated, file.size()};
  const auto header = Copy<FileHeader>(file, 0);
  if (header.ident[kClassIndex] != kClass64 || header.ident[kDataIndex] != kLittleEndian ||
      header.ident[kVersionIndex] != kCurrentVersion || header.version != kCurrentVersion) {
    return {ElfErrorKind::kNotElf64};
  }
  if (header.machine != static_cast<uint16_t>(machine)) {
    return {ElfErrorKind::kWrongMachine, header.machine};
  }
  if (header.type != kTypeExecutable) return {ElfErrorKind::kNotExecutable, header.type};
  if (header.program_header_count == 0) return {ElfErrorKind::kNoSegments};
  if (header.header_size != sizeof(FileHeader) ||
      header.program_header_size != sizeof(ProgramHeader)) {
    return {ElfErrorKind::kBadHeader};
  }
  if (header.program_header_count > kMaxElfProgramHeaders) {
    return {ElfErrorKind::kTooMany, header.program_header_count};
  }
  const uint64_t table_size = uint64_t{header.program_header_count} * sizeof(ProgramHeader);
  if (!RangeWithin(header.program_header_offset, table_size, file.size())) {
    return {ElfErrorKind::kTruncated, file.size()};
  }

  const auto table = file.subspan(header.program_header_offset, table_size);
  for (uint32_t i = 0; i < header.program_header_count; ++i) {
    const ElfError error = image.AddProgramHeader(
        file, i, table.subspan(i * sizeof(ProgramHeader), sizeof(ProgramHeader)));
    if (!error.ok()) return error;
  }
  if (image.segment_count_ == 0) return {ElfErrorKind::kNoSegments};
  image.entry_ = header.entry;
  if (!image.IsExecutableVirtual(header.entry) && !image.IsExecutablePhysical(header.entry)) {
    return {ElfErrorKind::kBadEntry, header.entry};
  }
  return {};
}

ElfError ElfImage::AddProgramHeader(std::span<const std::byte> file, uint32_t index,
                                    std::span<const std::byte> header_bytes) {
  const auto header = Copy<ProgramHeader>(header_bytes, 0);
  if (header.type != kLoad && header.type != kNote) return {};
  if (Wraps(header.offset, header.file_size)) return {ElfErrorKind::kBadSegment, index};
  if (!RangeWithin(header.offset, header.file_size, file.size())) {
    return {ElfErrorKind::kTruncated, file.size()};
  }
  const auto data = file.subspan(header.offset, header.file_size);
  if (header.type == kNote) {
    if (note_count_ == kMaxElfNoteSegments) return {ElfErrorKind::kTooMany, index};
    // Notes are padded to four bytes; those of a segment aligned to eight, to eight.
    notes_[note_count_++] = {data, header.alignment == 8 ? uint64_t{8} : uint64_t{4}, index};
    return {};
  }

  if (header.memory_size == 0 && header.file_size == 0) return {};
  if (header.file_size > header.memory_size || Wraps(header.virtual_address, header.memory_size) ||
      Wraps(header.physical_address, header.memory_size)) {
    return {ElfErrorKind::kBadSegment, index};
  }
  if (header.alignment > 1) {
    // Page offsets in file and memory agree, so that the file can be mapped.
    const uint64_t unit = std::min(header.alignment, kPageSize);
    if ((header.alignment & (header.alignment - 1)) != 0 ||
        !IsAligned(header.offset - header.virtual_address, unit)) {
      return {ElfErrorKind::kBadSegment, index};
    }
  }
  return AddSegment(index, {.virtual_address = header.virtual_address,
                            .physical_address = header.physical_address,
                            .memory_size = header.memory_size,
                            .data = data,
                            .readable = (header.flags & kReadableFlag) != 0,
                            .writable = (header.flags & kWritableFlag) != 0,
                            .executable = (header.flags & kExecutableFlag) != 0});
}

ElfError ElfImage::AddSegment(uint32_t index, const ElfSegment& segment) {
  if (segment_count_ == kMaxElfSegments) return {ElfErrorKind::kTooMany, segment_count_ + 1};
  for (const ElfSegment& other : segments()) {
    if (Overlaps(segment.virtual_address, segment.memory_size, other.virtual_address,
                 other.memory_size) ||
        Overlaps(segment.physical_address, segment.memory_size, other.physical_address,
                 other.memory_size)) {
      return {ElfErrorKind::kOverlap, index};
    }
  }
  segments_[segment_count_++] = segment;
  return {};
}

bool ElfImage::IsExecutableVirtual(uint64_t address) const {
  return std::any_of(segments().begin(), segments().end(), [address](const ElfSegment& segment) {
    return segment.executable && address >= segment.virtual_address &&
           address - segment.virtual_address < segment.memory_size;
  });
}

bool ElfImage::IsExecutablePhysical(uint64_t address) const {
  return std::any_of(segments().begin(), segments().end(), [address](const ElfSegment& segment) {
    return segment.executable && address >= segment.physical_address &&
           address - segment.physical_address < segment.memory_size;
  });
}

ElfRange ElfImage::VirtualRange() const {
  ElfRange range = {.start = ~uint64_t{0}, .end = 0};
  for (const ElfSegment& segment : segments()) {
    range.start = std::min(range.start, segment.virtual_address);
    range.end = std::max(range.end, segment.virtual_address + segment.memory_size);
  }
  return range;
}

ElfRange ElfImage::PhysicalRange() const {
  ElfRange range = {.start = ~uint64_t{0}, .end = 0};
  for (const ElfSegment& segment : segments()) {
    range.start = std::min(range.start, segment.physical_address);
    range.end = std::max(range.end, segment.physical_address + segment.memory_size);
  }
  return range;
}

ElfError ElfImage::FindNote(std::string_view owner, uint32_t type,
                            std::optional<std::span<const std::byte>>& descriptor) const {
  descriptor.reset();
  for (const NoteSegment& notes : std::span(notes_.data(), note_count_)) {
    const uint64_t size = notes.data.size();
    uint64_t offset = 0;
    while (offset < size) {
      if (!RangeWithin(offset, sizeof(NoteHeader), size)) {
        return {ElfErrorKind::kBadNote, notes.index};
      }
      const auto note = Copy<NoteHeader>(notes.data, offset);
      // 32-bit sizes: the sums cannot wrap. The last note's padding may be missing.
      const uint64_t name_at = offset + sizeof(NoteHeader);
      const uint64_t descriptor_at = AlignUp(name_at + note.name_size, notes.alignment);
      if (!RangeWithin(name_at, note.name_size, size) ||
          (note.descriptor_size != 0 && !RangeWithin(descriptor_at, note.descriptor_size, size))) {
        return {ElfErrorKind::kBadNote, notes.index};
      }
      const std::string_view name(reinterpret_cast<const char*>(notes.data.data()) + name_at,
                                  note.name_size);
      if (note.type == type && name.size() == owner.size() + 1 && name.back() == '\0' &&
          name.substr(0, owner.size()) == owner) {
        descriptor = notes.data.subspan(std::min(descriptor_at, size), note.descriptor_size);
        return {};
      }
      offset = AlignUp(descriptor_at + note.descriptor_size, notes.alignment);
    }
  }
  return {};
}

ElfError ElfImage::PvhEntry(uint32_t& entry) const {
  std::optional<std::span<const std::byte>> descriptor;
  const ElfError error = FindNote(kXenNoteOwner, kXenNotePhys32Entry, descriptor);
  if (!error.ok()) return error;
  if (!descriptor) return {ElfErrorKind::kNoPvhEntry};
  // The ABI says 32 bits; Linux for x86-64 writes 64.
  uint64_t value = 0;
  if (descriptor->size() == sizeof(uint64_t)) {
    value = Copy<uint64_t>(*descriptor, 0);
  } else if (descriptor->size() == sizeof(uint32_t)) {
    value = Copy<uint32_t>(*descriptor, 0);
  } else {
    return {ElfErrorKind::kBadPvhEntry, 0};
  }
  if (value > UINT32_MAX || !IsExecutablePhysical(value)) {
    return {ElfErrorKind::kBadPvhEntry, value};
  }
  entry = static_cast<uint32_t>(value);
  return {};
}

TextWriter& operator<<(TextWriter& out, const ElfError& error) {
  switch (error.kind) {
    case ElfErrorKind::kNone:
      return out << "no error";
    case ElfErrorKind::kNotElf:
      return out << "not an ELF file";
    case ElfErrorKind::kNotElf64:
      return out << "not a 64-bit little-endian ELF file";
    case ElfErrorKind::kWrongMachine:
      return out << "made for another machine (ELF machine " << error.value << ")";
    case ElfErrorKind::kNotExecutable:
      return out << "not an ELF executable (type " << error.value << ")";
    case ElfErrorKind::kBadHeader:
      return out << "bad ELF header";
    case ElfErrorKind::kTruncated:
      return out << "truncated (ends at byte " << error.value << ")";
    case ElfErrorKind::kTooMany:
      return out << "too many ELF program headers";
    case ElfErrorKind::kNoSegments:
      return out << "nothing to load in the ELF file";
    case ElfErrorKind::kBadSegment:
      return out << "bad ELF segment " << error.value;
    case ElfErrorKind::kOverlap:
      return out << "ELF segment " << error.value << " overlaps another";
    case ElfErrorKind::kBadEntry:
      return out << "entry point " << Hex{error.value} << " is not in an executable segment";
    case ElfErrorKind::kBadNote:
      return out << "malformed ELF note in segment " << error.value;
    case ElfErrorKind::kNoPvhEntry:
      return out << "no PVH entry (no XEN_ELFNOTE_PHYS32_ENTRY note)";
    case ElfErrorKind::kBadPvhEntry:
      return out << "PVH entry " << Hex{error.value} << " is not in an executable segment";
  }
  return out << "unknown error";
}

}  // namespace bulkhead
