// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/x86_64/guest_page_walk.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "base/align.h"

namespace bulkhead {
namespace {

// Page-table entries (AMD APM 2, 5.4).
constexpr uint64_t kPresent = 1 << 0;
constexpr uint64_t kWritable = 1 << 1;
constexpr uint64_t kUser = 1 << 2;
constexpr uint64_t kAccessed = 1 << 5;
constexpr uint64_t kDirty = 1 << 6;
constexpr uint64_t kLarge = 1 << 7;
constexpr uint64_t kNoExecute = uint64_t{1} << 63;
constexpr uint64_t kAddressMask = 0x000ffffffffff000;

// Page-fault error codes (AMD APM 2, 8.4.2).
constexpr uint32_t kErrorPresent = 1 << 0;
constexpr uint32_t kErrorWrite = 1 << 1;
constexpr uint32_t kErrorUser = 1 << 2;
constexpr uint32_t kErrorFetch = 1 << 4;

using Outcome = Translation::Outcome;

struct Format {
  int levels;        // tables on the way
  int index_bits;    // of the linear address per table
  int entry_size;    // bytes
  bool top_is_pdpt;  // PAE: the top table has four entries without permissions
};

std::optional<Format> FormatOf(const PagingState& paging) {
  if ((paging.cr4 & kCr4Pae) == 0) {
    if ((paging.efer & kEferLma) != 0) return std::nullopt;
    return Format{2, 10, 4, false};
  }
  if ((paging.efer & kEferLma) == 0) return Format{3, 9, 8, true};
  if ((paging.cr4 & kCr4La57) != 0) return std::nullopt;
  return Format{4, 9, 8, false};
}

uint64_t TopTable(const PagingState& paging, const Format& format) {
  if (format.top_is_pdpt) return paging.cr3 & 0xffffffe0;
  if (format.entry_size == 4) return paging.cr3 & 0xfffff000;
  return paging.cr3 & kAddressMask;
}

std::optional<uint64_t> ReadEntry(const GuestMemory& memory, GuestPhysical at, int size) {
  if (size == 8) return memory.Read<uint64_t>(at);
  const auto entry = memory.Read<uint32_t>(at);
  if (!entry) return std::nullopt;
  return *entry;
}

// Sets bits of an entry as the processor does: atomically, other vCPUs may be at it too. All bits
// concerned are in the lowest byte.
void SetBits(const GuestMemory& memory, GuestPhysical at, uint64_t bits) {
  if (const auto bytes = memory.Slice(at, 1)) {
    __atomic_fetch_or(reinterpret_cast<uint8_t*>(bytes->data()), static_cast<uint8_t>(bits),
                      __ATOMIC_RELAXED);
  }
}

bool IsLeaf(uint64_t entry, int level, const Format& format, const PagingState& paging) {
  if (level == 0) return true;
  if ((entry & kLarge) == 0) return false;
  if (format.entry_size == 4) return level == 1 && (paging.cr4 & kCr4Pse) != 0;
  return level == 1 || (level == 2 && !format.top_is_pdpt);
}

uint64_t LeafAddress(uint64_t entry, uint64_t linear, int shift, const Format& format) {
  const uint64_t offset_mask = (uint64_t{1} << shift) - 1;
  uint64_t base = entry & kAddressMask & ~offset_mask;
  // 4 MiB pages keep address bits 39:32 in bits 20:13 (AMD APM 2, 5.2.2).
  if (format.entry_size == 4 && shift == 22) base |= (entry >> 13 & 0xff) << 32;
  return base | (linear & offset_mask);
}

Translation Fault(uint32_t error_code) {
  return {.outcome = Outcome::kPageFault, .error_code = error_code};
}

Translation Mapped(uint64_t physical) { return {.address = GuestPhysical{physical}}; }

bool Allowed(const PagingState& paging, LinearAccess access, bool writable, bool user_page,
             bool no_execute) {
  const bool user = paging.cpl == 3;
  if (user && !user_page) return false;
  switch (access) {
    case LinearAccess::kFetch:
      if (no_execute) return false;
      return user || !user_page || (paging.cr4 & kCr4Smep) == 0;
    case LinearAccess::kWrite:
      if (!writable && (user || (paging.cr0 & kCr0Wp) != 0)) return false;
      break;
    case LinearAccess::kRead:
      break;
  }
  return user || !user_page || (paging.cr4 & kCr4Smap) == 0 ||
         (paging.rflags & kFlagAlignmentCheck) != 0;
}

uint32_t ErrorBits(const PagingState& paging, LinearAccess access) {
  uint32_t bits = 0;
  if (access == LinearAccess::kWrite) bits |= kErrorWrite;
  if (paging.cpl == 3) bits |= kErrorUser;
  const bool tells_fetch = ((paging.cr4 & kCr4Pae) != 0 && (paging.efer & kEferNxe) != 0) ||
                           (paging.cr4 & kCr4Smep) != 0;
  if (access == LinearAccess::kFetch && tells_fetch) bits |= kErrorFetch;
  return bits;
}

Translation Walk(const PagingState& paging, const GuestMemory& memory, uint64_t linear,
                 LinearAccess access, const Format& format) {
  const uint32_t error_bits = ErrorBits(paging, access);
  bool writable = true, user_page = true, no_execute = false;
  std::array<GuestPhysical, 4> visited{};
  uint64_t table = TopTable(paging, format);
  for (int level = format.levels - 1; level >= 0; --level) {
    const int shift = 12 + level * format.index_bits;
    const bool is_pdpt = format.top_is_pdpt && level == 2;
    const uint64_t index = linear >> shift & ((uint64_t{1} << format.index_bits) - 1);
    const GuestPhysical at{table + (is_pdpt ? index & 3 : index) * format.entry_size};
    const auto entry = ReadEntry(memory, at, format.entry_size);
    if (!entry) return {.outcome = Outcome::kNoTable};
    if ((*entry & kPresent) == 0) return Fault(error_bits);
    visited[level] = at;
    if (!is_pdpt) {
      writable = writable && (*entry & kWritable) != 0;
      user_page = user_page && (*entry & kUser) != 0;
      no_execute = no_execute || (format.entry_size == 8 && (paging.efer & kEferNxe) != 0 &&
                                  (*entry & kNoExecute) != 0);
    }
    if (!IsLeaf(*entry, level, format, paging)) {
      table = *entry & kAddressMask;
      continue;
    }
    if (!Allowed(paging, access, writable, user_page, no_execute)) {
      return Fault(error_bits | kErrorPresent);
    }
    if (access != LinearAccess::kFetch) {
      for (int above = format.levels - 1; above >= level; --above) {
        if (format.top_is_pdpt && above == 2) continue;  // has no such bits
        const bool dirties = above == level && access == LinearAccess::kWrite;
        SetBits(memory, visited[above], kAccessed | (dirties ? kDirty : 0));
      }
    }
    return Mapped(LeafAddress(*entry, linear, shift, format));
  }
  return {.outcome = Outcome::kNoTable};
}

// Bytes from `linear` to the end of its page, at most `left`.
size_t InPage(uint64_t linear, size_t left) {
  return std::min<size_t>(left, kPageSize - (linear & (kPageSize - 1)));
}

Translation Translate(const PagingState& paging, const GuestMemory& memory, uint64_t linear,
                      LinearAccess access) {
  if ((paging.cr0 & kCr0Pg) == 0) return Mapped(linear);
  const auto format = FormatOf(paging);
  if (!format) return {.outcome = Outcome::kNoTable};
  if (format->levels == 4) {
    // Bits 63:47 are all equal in a canonical address (AMD APM 2, 1.1.3).
    const auto upper = static_cast<int64_t>(linear) >> 47;
    if (upper != 0 && upper != -1) return {.outcome = Outcome::kNonCanonical};
  }
  return Walk(paging, memory, linear, access, *format);
}

}  // namespace

Translation TranslateLinear(const PagingState& paging, const GuestMemory& memory, uint64_t linear,
                            LinearAccess access) {
  if ((paging.efer & kEferLma) == 0) linear &= 0xffffffff;
  Translation translation = Translate(paging, memory, linear, access);
  if (!translation.ok()) translation.linear = linear;
  return translation;
}

Translation ReadLinear(const PagingState& paging, const GuestMemory& memory, uint64_t linear,
                       LinearAccess access, std::span<uint8_t> out, size_t& count) {
  count = 0;
  while (count < out.size()) {
    const size_t piece = InPage(linear + count, out.size() - count);
    const Translation at = TranslateLinear(paging, memory, linear + count, access);
    if (!at.ok()) return at;
    const auto bytes = memory.Slice(at.address, piece);
    if (!bytes) return {};
    std::memcpy(out.data() + count, bytes->data(), piece);
    count += piece;
  }
  return {};
}

Translation WriteLinear(const PagingState& paging, const GuestMemory& memory, uint64_t linear,
                        std::span<const uint8_t> bytes, size_t& count) {
  count = 0;
  // Values are at most one register wide, so a range touches at most two pages.
  std::array<std::span<std::byte>, 2> pieces;
  size_t pages = 0, seen = 0;
  while (seen < bytes.size()) {
    if (pages == pieces.size()) return {};
    const size_t piece = InPage(linear + seen, bytes.size() - seen);
    const Translation at = TranslateLinear(paging, memory, linear + seen, LinearAccess::kWrite);
    if (!at.ok()) return at;
    const auto slice = memory.Slice(at.address, piece);
    if (!slice) return {};
    pieces[pages++] = *slice;
    seen += piece;
  }
  for (size_t page = 0; page < pages; ++page) {
    std::memcpy(pieces[page].data(), bytes.data() + count, pieces[page].size());
    count += pieces[page].size();
  }
  return {};
}

}  // namespace bulkhead
