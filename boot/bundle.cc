// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/bundle.h"

#include <algorithm>

#include "base/align.h"

namespace bulkhead {
namespace {

// cpio(5), "New ASCII Format": a magic of six digits, then thirteen fields of eight hexadecimal
// digits; name and data follow, each padded to a multiple of four bytes from the archive's start.
constexpr std::string_view kMagic = "070701";
constexpr std::string_view kTrailer = "TRAILER!!!";
constexpr uint64_t kFieldSize = 8;
constexpr uint64_t kFieldCount = 13;
constexpr uint64_t kModeField = 1;
constexpr uint64_t kFileSizeField = 6;
constexpr uint64_t kNameSizeField = 11;
constexpr uint64_t kHeaderSize = 6 + kFieldSize * kFieldCount;
static_assert(kHeaderSize == 110);

std::string_view AsText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::optional<uint32_t> ParseHex(std::string_view digits) {
  uint32_t value = 0;
  for (const char c : digits) {
    uint32_t digit = 0;
    if (c >= '0' && c <= '9') {
      digit = static_cast<uint32_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<uint32_t>(c - 'a') + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = static_cast<uint32_t>(c - 'A') + 10;
    } else {
      return std::nullopt;
    }
    value = value << 4 | digit;
  }
  return value;
}

bool IsPrintable(char c) { return c > ' ' && c <= '~'; }

// The name in a name field: everything before the first NUL; the rest must be NULs.
std::optional<std::string_view> NameOf(std::string_view field) {
  const size_t length = field.find('\0');
  if (length == std::string_view::npos || length == 0 || length > kMaxBundleName) {
    return std::nullopt;
  }
  if (field.find_first_not_of('\0', length) != std::string_view::npos) return std::nullopt;
  const std::string_view name = field.substr(0, length);
  if (!std::all_of(name.begin(), name.end(), IsPrintable)) return std::nullopt;
  return name;
}

// Reads the entry whose header is at `offset`; `next` gets the offset of the following header.
// The trailer is an entry like any other here.
BundleError ReadEntry(std::span<const std::byte> archive, uint64_t offset, BundleEntry& entry,
                      uint64_t& next) {
  const uint64_t size = archive.size();
  if (offset >= size) return {.kind = BundleErrorKind::kNoTrailer, .offset = size};
  const std::string_view text = AsText(archive.subspan(offset));
  const uint64_t magic_size = std::min<uint64_t>(text.size(), kMagic.size());
  if (text.substr(0, magic_size) != kMagic.substr(0, magic_size)) {
    return {.kind = BundleErrorKind::kBadMagic, .offset = offset};
  }
  if (text.size() < kHeaderSize) {
    return {.kind = BundleErrorKind::kTruncatedHeader, .offset = offset};
  }

  uint32_t fields[kFieldCount];
  for (uint64_t i = 0; i < kFieldCount; ++i) {
    const uint64_t at = kMagic.size() + i * kFieldSize;
    const std::optional<uint32_t> value = ParseHex(text.substr(at, kFieldSize));
    if (!value) return {.kind = BundleErrorKind::kBadNumber, .offset = offset + at};
    fields[i] = *value;
  }

  const uint64_t name_size = fields[kNameSizeField];
  if (name_size < 2 || name_size > kMaxBundleNameField) {
    return {.kind = BundleErrorKind::kBadNameSize, .offset = offset, .needed = name_size};
  }
  if (name_size > text.size() - kHeaderSize) {
    return {.kind = BundleErrorKind::kTruncatedName,
            .offset = offset,
            .needed = name_size,
            .available = text.size() - kHeaderSize};
  }
  const std::optional<std::string_view> name = NameOf(text.substr(kHeaderSize, name_size));
  if (!name) return {.kind = BundleErrorKind::kBadName, .offset = offset + kHeaderSize};

  // Sizes are 32-bit and the offset lies in an archive that is in memory: no sum here can wrap.
  const uint64_t data_offset = AlignUp(offset + kHeaderSize + name_size, 4);
  const uint64_t data_size = fields[kFileSizeField];
  if (!RangeWithin(data_offset, data_size, size)) {
    // The trailer has no data; its padding may be cut off.
    if (data_size != 0 || *name != kTrailer) {
      return {.kind = BundleErrorKind::kTruncatedData,
              .offset = offset,
              .needed = data_size,
              .available = data_offset < size ? size - data_offset : 0,
              .name = *name};
    }
    entry = {.name = *name, .data = {}, .offset = offset, .data_offset = size, .mode = 0};
    next = size;
    return {};
  }
  entry = {.name = *name,
           .data = archive.subspan(data_offset, data_size),
           .offset = offset,
           .data_offset = data_offset,
           .mode = fields[kModeField]};
  next = AlignUp(data_offset + data_size, 4);
  return {};
}

}  // namespace

void Bundle::Iterator::Load(uint64_t offset) {
  // The archive was checked by Open; anything unexpected is the end, never a wrong entry.
  if (!ReadEntry(archive_, offset, entry_, next_).ok() || entry_.name == kTrailer) {
    entry_ = {.offset = archive_.size()};
  }
}

Bundle::Iterator& Bundle::Iterator::operator++() {
  Load(next_);
  return *this;
}

BundleError Bundle::Open(std::span<const std::byte> archive, Bundle& bundle) {
  if (archive.empty()) return {.kind = BundleErrorKind::kEmpty};
  uint64_t offset = 0;
  for (uint64_t count = 0;; ++count) {
    BundleEntry entry;
    uint64_t next = 0;
    const BundleError error = ReadEntry(archive, offset, entry, next);
    if (!error.ok()) return error;
    if (entry.name == kTrailer) break;
    if (count == kMaxBundleEntries) {
      return {.kind = BundleErrorKind::kTooManyEntries, .offset = offset};
    }
    for (const BundleEntry& earlier : Bundle(archive)) {
      if (earlier.offset == offset) break;
      if (earlier.name == entry.name) {
        return {.kind = BundleErrorKind::kDuplicate, .offset = offset, .name = entry.name};
      }
    }
    offset = next;
  }
  bundle = Bundle(archive);
  return {};
}

std::optional<BundleEntry> Bundle::Find(std::string_view name) const {
  for (const BundleEntry& entry : *this) {
    if (entry.name == name && entry.is_regular()) return entry;
  }
  return std::nullopt;
}

BundleError Bundle::Require(std::string_view name, BundleEntry& entry) const {
  const std::optional<BundleEntry> found = Find(name);
  if (!found) return {.kind = BundleErrorKind::kNoEntry, .name = name};
  entry = *found;
  return {};
}

TextWriter& operator<<(TextWriter& out, const BundleError& error) {
  out << "bundle: ";
  switch (error.kind) {
    case BundleErrorKind::kNone:
      return out << "no error";
    case BundleErrorKind::kEmpty:
      return out << "empty or not given";
    case BundleErrorKind::kBadMagic:
      return out << "bad magic at offset " << Hex{error.offset};
    case BundleErrorKind::kTruncatedHeader:
      return out << "ends inside the header at offset " << Hex{error.offset};
    case BundleErrorKind::kBadNumber:
      return out << "bad hexadecimal number at offset " << Hex{error.offset};
    case BundleErrorKind::kBadNameSize:
      return out << "bad name size " << error.needed << " in the header at offset "
                 << Hex{error.offset};
    case BundleErrorKind::kTruncatedName:
      return out << "ends inside the name of the entry at offset " << Hex{error.offset} << " ("
                 << error.needed << " bytes needed, " << error.available << " left)";
    case BundleErrorKind::kBadName:
      return out << "bad entry name at offset " << Hex{error.offset};
    case BundleErrorKind::kTruncatedData:
      return out << "entry '" << error.name << "' runs past the end (" << error.needed
                 << " bytes needed, " << error.available << " left)";
    case BundleErrorKind::kDuplicate:
      return out << "second entry '" << error.name << "' at offset " << Hex{error.offset};
    case BundleErrorKind::kTooManyEntries:
      return out << "more than " << kMaxBundleEntries << " entries";
    case BundleErrorKind::kNoTrailer:
      return out << "ends at offset " << Hex{error.offset} << " without a trailer";
    case BundleErrorKind::kNoEntry:
      return out << "no entry '" << error.name << "'";
  }
  return out << "unknown error";
}

}  // namespace bulkhead
