// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "control/iort.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "boot/acpi/fields.h"

namespace bulkhead {
namespace {

using acpi::Bytes;
using acpi::Read;
using acpi::Read32;

// Table 2, the table's own fields.
constexpr size_t kNodeCount = 36;
constexpr size_t kFirstNode = 40;

// Table 3, a node's.
constexpr uint64_t kTypeItsGroup = 0;
constexpr uint64_t kTypeRootComplex = 2;
constexpr uint64_t kTypeSmmu = 3;  // v1 and v2
constexpr uint64_t kTypeSmmuV3 = 4;
constexpr size_t kNodeLength = 1;
constexpr size_t kMappingCount = 8;
constexpr size_t kFirstMapping = 12;
constexpr size_t kNodeHeader = 16;

// Tables 12 and 13, a root complex's.
constexpr size_t kCoherent = 16;
constexpr size_t kSegment = 28;
constexpr size_t kRootComplexLength = 32;

// Table 4, ID mappings.
constexpr size_t kMappingLength = 20;
constexpr uint32_t kSingle = 1;  // flag: of the node itself, not of what is behind it

constexpr const char* kMalformed = "malformed";

struct Mapping {
  uint64_t input = 0;
  uint64_t output = 0;
  uint64_t count = 0;
  uint64_t node = 0;  // where the output goes: offset in the table
  bool single = false;
};

// The node at an offset; empty if it is not all in the table.
Bytes NodeAt(Bytes table, uint64_t offset) {
  if (offset > table.size() || table.size() - offset < kNodeHeader) return {};
  const Bytes rest = table.subspan(offset);
  const uint64_t length = Read(rest, kNodeLength, 2);
  return length < kNodeHeader || length > rest.size() ? Bytes() : rest.first(length);
}

// How many mappings a node has; nothing if they are not all in it.
std::optional<uint32_t> MappingCount(Bytes node) {
  const uint32_t count = Read32(node, kMappingCount);
  const uint64_t first = Read32(node, kFirstMapping);
  if (count != 0 && first + uint64_t{count} * kMappingLength > node.size()) return std::nullopt;
  return count;
}

Mapping MappingAt(Bytes node, uint32_t index) {
  const size_t at = Read32(node, kFirstMapping) + size_t{index} * kMappingLength;
  return {.input = Read32(node, at),
          .output = Read32(node, at + 8),
          .count = uint64_t{Read32(node, at + 4)} + 1,  // the table has one less
          .node = Read32(node, at + 12),
          .single = (Read32(node, at + 16) & kSingle) != 0};
}

// What both mappings together do to the ids that go through both; count 0: none does.
Mapping Through(const Mapping& first, const Mapping& second) {
  const uint64_t start = std::max(first.output, second.input);
  const uint64_t end = std::min(first.output + first.count, second.input + second.count);
  if (start >= end) return {};
  return {.input = first.input + (start - first.output),
          .output = second.output + (start - second.input),
          .count = end - start,
          .node = second.node};
}

class Reader {
 public:
  Reader(Bytes table, PciHost& out) : table_(table), out_(out) {}

  const char* ReadRootComplex(Bytes node) {
    if (Read32(node, kCoherent) != 1) return "PCI devices are not coherent with the caches";
    const auto count = MappingCount(node);
    if (!count) return kMalformed;
    for (uint32_t i = 0; i < *count; ++i) {
      const Mapping mapping = MappingAt(node, i);
      if (mapping.single) continue;
      if (const char* wrong = Follow(mapping)) return wrong;
    }
    return group_ ? nullptr : "messages of PCI devices go to no ITS";
  }

 private:
  // To the ITS, if need be through an SMMU: no node of another kind is on the way, and no two.
  const char* Follow(const Mapping& mapping) {
    const Bytes node = NodeAt(table_, mapping.node);
    if (node.empty()) return kMalformed;
    const uint64_t type = Read(node, 0, 1);
    if (type == kTypeItsGroup) return Add(mapping);
    if (type != kTypeSmmu && type != kTypeSmmuV3) return kMalformed;
    const auto count = MappingCount(node);
    if (!count) return kMalformed;
    for (uint32_t i = 0; i < *count; ++i) {
      const Mapping next = MappingAt(node, i);
      const Mapping both = Through(mapping, next);
      if (next.single || both.count == 0) continue;
      const Bytes end = NodeAt(table_, both.node);
      if (end.empty() || Read(end, 0, 1) != kTypeItsGroup) return kMalformed;
      if (const char* wrong = Add(both)) return wrong;
    }
    return nullptr;
  }

  const char* Add(const Mapping& mapping) {
    if (group_.value_or(mapping.node) != mapping.node) {
      return "messages of PCI devices go to several groups of ITSs";
    }
    group_ = mapping.node;
    const auto count = static_cast<uint32_t>(std::min<uint64_t>(mapping.count, UINT32_MAX));
    return out_.AddMsiRange({.requester = static_cast<uint32_t>(mapping.input),
                             .device = static_cast<uint32_t>(mapping.output),
                             .count = count})
               ? nullptr
               : "ID mappings wrap, or are too many";
  }

  Bytes table_;
  PciHost& out_;
  std::optional<uint64_t> group_;  // offset of the node of the ITSs
};

}  // namespace

const char* ReadIort(std::span<const std::byte> table, PciHost& out) {
  uint64_t offset = Read32(table, kFirstNode);
  // A node takes at least its header, so a table that lies about the number ends soon.
  for (uint32_t left = Read32(table, kNodeCount); left > 0; --left) {
    const Bytes node = NodeAt(table, offset);
    if (node.empty()) return kMalformed;
    if (Read(node, 0, 1) == kTypeRootComplex && node.size() >= kRootComplexLength &&
        Read32(node, kSegment) == 0) {
      return Reader(table, out).ReadRootComplex(node);
    }
    offset += node.size();
  }
  return "there is no PCI root complex of segment 0";
}

}  // namespace bulkhead
