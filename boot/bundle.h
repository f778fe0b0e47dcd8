// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_BUNDLE_H_
#define BULKHEAD_BOOT_BUNDLE_H_

// The boot bundle: a cpio archive in the "newc" format (cpio(5), "New ASCII Format"), as every
// Linux initramfs is. Read in place: neither class nor functions here copy or own the archive.
//
// File data can be made to start on a page boundary by padding the name field with NULs, all of
// them counted in namesize. Whatever follows the trailer is ignored.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/format.h"

namespace bulkhead {

inline constexpr uint64_t kMaxBundleEntries = 1024;
inline constexpr uint64_t kMaxBundleName = 255;        // bytes, without padding
inline constexpr uint64_t kMaxBundleNameField = 8192;  // bytes, with padding and NUL

enum class BundleErrorKind : uint8_t {
  kNone,
  kEmpty,            // no bytes at all: no bundle was given
  kBadMagic,         // offset: where "070701" should be
  kTruncatedHeader,  // offset: of the header the archive ends in
  kBadNumber,        // offset: of the header field that is not eight hexadecimal digits
  kBadNameSize,      // offset: of the header; needed: the size it states
  kTruncatedName,    // offset: of the header; needed, available: bytes
  kBadName,          // offset: of the name: not terminated, empty, or with unprintable bytes
  kTruncatedData,    // offset: of the header; name; needed, available: bytes from its data on
  kDuplicate,        // offset: of the second header; name
  kTooManyEntries,   // offset: of the first header too many
  kNoTrailer,        // offset: the archive's end
  kNoEntry,          // name: the regular file that was asked for
};

// What is wrong with a bundle. `name` points into the archive or to what the caller asked for.
struct BundleError {
  BundleErrorKind kind = BundleErrorKind::kNone;
  uint64_t offset = 0;  // bytes from the archive's start
  uint64_t needed = 0;
  uint64_t available = 0;
  std::string_view name = {};

  bool ok() const { return kind == BundleErrorKind::kNone; }
};

// Writes one line without a line end: "bundle: bad magic at offset 0x70".
TextWriter& operator<<(TextWriter& out, const BundleError& error);

struct BundleEntry {
  std::string_view name = {};  // without padding; printable, not empty
  std::span<const std::byte> data = {};
  uint64_t offset = 0;       // of the header, bytes from the archive's start
  uint64_t data_offset = 0;  // of the data, likewise
  uint32_t mode = 0;         // st_mode: type and permissions

  bool is_regular() const { return (mode & 0170000) == 0100000; }
};

// A bundle that was checked from its first header to its trailer.
class Bundle {
 public:
  class Iterator {
   public:
    const BundleEntry& operator*() const { return entry_; }
    const BundleEntry* operator->() const { return &entry_; }
    Iterator& operator++();
    bool operator==(const Iterator& other) const { return entry_.offset == other.entry_.offset; }

   private:
    friend class Bundle;
    Iterator(std::span<const std::byte> archive, uint64_t offset) : archive_(archive) {
      Load(offset);
    }
    void Load(uint64_t offset);

    std::span<const std::byte> archive_;
    BundleEntry entry_;
    uint64_t next_ = 0;
  };

  Bundle() = default;

  // Checks `archive` and lets `bundle` refer to it, or says what is wrong and leaves `bundle` as
  // it was. Takes time linear in the archive's headers, plus quadratic in the number of entries
  // (at most kMaxBundleEntries).
  static BundleError Open(std::span<const std::byte> archive, Bundle& bundle);

  // All entries but the trailer, in the archive's order.
  Iterator begin() const { return Iterator(archive_, 0); }
  Iterator end() const { return Iterator(archive_, archive_.size()); }
  // From the entry on whose `offset` this is.
  Iterator At(uint64_t offset) const { return Iterator(archive_, offset); }

  // The regular file of that name.
  std::optional<BundleEntry> Find(std::string_view name) const;

  // The same, with the error that names what is missing.
  BundleError Require(std::string_view name, BundleEntry& entry) const;

  std::span<const std::byte> archive() const { return archive_; }

 private:
  explicit Bundle(std::span<const std::byte> archive) : archive_(archive) {}

  std::span<const std::byte> archive_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_BOOT_BUNDLE_H_
