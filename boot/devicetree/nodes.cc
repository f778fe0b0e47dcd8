// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/devicetree/nodes.h"

#include <libfdt.h>

#include "base/align.h"

namespace bulkhead::devicetree {
namespace {

constexpr size_t kCell = 4;       // bytes
constexpr int kMaxBusDepth = 16;  // of buses between a device and the root

// How a bus writes the addresses of its devices (Devicetree Specification 0.4, 2.3.5).
struct BusCells {
  size_t address = 0;
  size_t size = 0;
};

// False for what does not fit 64 bits.
bool CellsOf(const void* tree, int bus, BusCells& cells) {
  const int address = fdt_address_cells(tree, bus);
  const int size = fdt_size_cells(tree, bus);
  if (address < 1 || address > 2 || size < 1 || size > 2) return false;
  cells = {static_cast<size_t>(address), static_cast<size_t>(size)};
  return true;
}

// An address on `bus` as an address on the bus above it (2.3.8).
bool TranslateOnce(const void* tree, int bus, int above, Range& range) {
  int length = 0;
  if (fdt_getprop(tree, bus, "ranges", &length) == nullptr) return false;
  if (length == 0) return true;
  BusCells child;
  BusCells parent;
  if (!CellsOf(tree, bus, child) || !CellsOf(tree, above, parent)) return false;
  const std::span<const std::byte> ranges = Property(tree, bus, "ranges");
  const size_t entry = child.address + parent.address + child.size;
  for (size_t at = 0; (at + entry) * kCell <= ranges.size(); at += entry) {
    uint64_t from = 0;
    uint64_t to = 0;
    uint64_t size = 0;
    Cells(ranges, at, child.address, from);
    Cells(ranges, at + child.address, parent.address, to);
    Cells(ranges, at + child.address + parent.address, child.size, size);
    if (range.start < from || !RangeWithin(range.start - from, range.length, size)) continue;
    if (to > UINT64_MAX - (range.start - from)) return false;
    range.start = to + (range.start - from);
    return true;
  }
  return false;
}

bool Translate(const void* tree, int node, Range& range) {
  int bus = fdt_parent_offset(tree, node);
  for (int depth = 0; depth < kMaxBusDepth && bus > 0; ++depth) {
    const int above = fdt_parent_offset(tree, bus);
    if (above < 0 || !TranslateOnce(tree, bus, above, range)) return false;
    bus = above;
  }
  return bus == 0;
}

}  // namespace

bool IsAvailable(const void* tree, int node) {
  if (fdt_getprop(tree, node, "status", nullptr) == nullptr) return true;
  const std::string_view status = TextProperty(tree, node, "status");
  return status == "okay" || status == "ok";
}

bool IsCompatible(const void* tree, int node, const char* compatible) {
  return fdt_node_check_compatible(tree, node, compatible) == 0;
}

int FindCompatible(const void* tree, int after, const char* compatible) {
  int node = fdt_node_offset_by_compatible(tree, after, compatible);
  while (node >= 0 && !IsAvailable(tree, node)) {
    node = fdt_node_offset_by_compatible(tree, node, compatible);
  }
  return node;
}

std::span<const std::byte> Property(const void* tree, int node, const char* name) {
  int length = 0;
  const void* value = fdt_getprop(tree, node, name, &length);
  if (value == nullptr || length <= 0) return {};
  return {static_cast<const std::byte*>(value), static_cast<size_t>(length)};
}

std::string_view TextProperty(const void* tree, int node, const char* name) {
  const std::span<const std::byte> value = Property(tree, node, name);
  const std::string_view text(reinterpret_cast<const char*>(value.data()), value.size());
  const size_t end = text.find('\0');
  return end == std::string_view::npos ? std::string_view() : text.substr(0, end);
}

bool NumberProperty(const void* tree, int node, const char* name, uint64_t& value) {
  const std::span<const std::byte> property = Property(tree, node, name);
  if (property.size() != kCell && property.size() != 2 * kCell) return false;
  return Cells(property, 0, property.size() / kCell, value);
}

bool Cells(std::span<const std::byte> property, size_t index, size_t count, uint64_t& value) {
  const size_t size = count * kCell;
  if (index > property.size() / kCell || size > property.size() - index * kCell) return false;
  value = 0;
  for (const std::byte byte : property.subspan(index * kCell, size)) {
    value = value << 8 | static_cast<uint64_t>(byte);
  }
  return true;
}

bool Reg(const void* tree, int node, size_t index, Range& range) {
  BusCells cells;
  const int bus = fdt_parent_offset(tree, node);
  if (bus < 0 || !CellsOf(tree, bus, cells) || index >= RegCount(tree, node)) return false;
  const std::span<const std::byte> reg = Property(tree, node, "reg");
  const size_t at = index * (cells.address + cells.size);
  return Cells(reg, at, cells.address, range.start) &&
         Cells(reg, at + cells.address, cells.size, range.length) &&
         range.length <= UINT64_MAX - range.start && Translate(tree, node, range);
}

size_t RegCount(const void* tree, int node) {
  BusCells cells;
  const int bus = fdt_parent_offset(tree, node);
  if (bus < 0 || !CellsOf(tree, bus, cells)) return 0;
  const size_t entry = (cells.address + cells.size) * kCell;
  const size_t size = Property(tree, node, "reg").size();
  return size % entry == 0 ? size / entry : 0;
}

}  // namespace bulkhead::devicetree
