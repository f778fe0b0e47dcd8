// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/devicetree/devicetree.h"

#include <libfdt.h>

#include "base/align.h"
#include "boot/devicetree/nodes.h"

namespace bulkhead {
namespace {

using devicetree::Range;

// Long enough for every path and alias a firmware writes; longer ones are not looked up.
constexpr size_t kMaxPath = 256;

const char* Append(const Range& range, MemoryKind kind, std::span<MemoryRegion> ranges,
                   size_t& count) {
  if (range.length == 0) return nullptr;
  if (count == ranges.size()) return "the devicetree has too many memory ranges";
  ranges[count++] = {range.start, range.length, kind, 0};
  return nullptr;
}

const char* AppendReg(const void* tree, int node, MemoryKind kind, std::span<MemoryRegion> ranges,
                      size_t& count) {
  const size_t entries = devicetree::RegCount(tree, node);
  for (size_t i = 0; i < entries; ++i) {
    Range range;
    if (!devicetree::Reg(tree, node, i, range)) return "the devicetree has a bad memory range";
    if (const char* wrong = Append(range, kind, ranges, count)) return wrong;
  }
  return nullptr;
}

bool SerialAt(const void* tree, int node, SerialKind& kind, uint64_t& address) {
  Range registers;
  // The UART of the server base system architecture is a PL011 without its modem lines.
  if (node < 0 ||
      (!devicetree::IsCompatible(tree, node, "arm,pl011") &&
       !devicetree::IsCompatible(tree, node, "arm,sbsa-uart")) ||
      !devicetree::IsAvailable(tree, node) || !devicetree::Reg(tree, node, 0, registers)) {
    return false;
  }
  kind = SerialKind::kPl011;
  address = registers.start;
  return true;
}

// The node of /chosen/stdout-path: a path or an alias, which ':' and the speed may follow.
int StandardOutput(const void* tree) {
  const int chosen = fdt_path_offset(tree, "/chosen");
  if (chosen < 0) return chosen;
  const std::string_view value = devicetree::TextProperty(tree, chosen, "stdout-path");
  const std::string_view path = value.substr(0, value.find(':'));
  if (path.empty() || path.size() > kMaxPath) return -1;
  return fdt_path_offset_namelen(tree, path.data(), static_cast<int>(path.size()));
}

// A pass over everything, so that no function after it meets a broken structure.
bool IsWellFormed(const void* tree) {
  int depth = 0;
  int node = fdt_next_node(tree, -1, &depth);
  if (node != 0) return false;
  while (node >= 0 && depth >= 0) {
    int property = 0;
    fdt_for_each_property_offset(property, tree, node) {
      const char* name = nullptr;
      int length = 0;
      if (fdt_getprop_by_offset(tree, property, &name, &length) == nullptr) return false;
    }
    if (property != -FDT_ERR_NOTFOUND) return false;
    node = fdt_next_node(tree, node, &depth);
  }
  return node == -FDT_ERR_NOTFOUND || depth < 0;
}

}  // namespace

uint64_t Devicetree::LengthOf(const void* header) {
  static_assert(sizeof(fdt_header) == kDevicetreeHeader);
  if (fdt_magic(header) != FDT_MAGIC) return 0;
  const uint64_t length = fdt_totalsize(header);
  return length >= kDevicetreeHeader && length <= kMaxDevicetree ? length : 0;
}

const char* Devicetree::Open(std::span<const std::byte> bytes, Devicetree& tree) {
  const void* start = bytes.data();
  if (!IsAligned(reinterpret_cast<uintptr_t>(start), 8)) return "the devicetree is not aligned";
  if (bytes.size() < kDevicetreeHeader) return "the devicetree is truncated";
  const uint64_t length = LengthOf(start);
  if (length == 0) return "no devicetree was given, or it is longer than 2 MiB";
  if (length > bytes.size()) return "the devicetree is truncated";
  if (fdt_check_header(start) != 0 || !IsAligned(fdt_off_dt_struct(start), 4) ||
      !IsAligned(fdt_off_mem_rsvmap(start), 8) || fdt_num_mem_rsv(start) < 0 ||
      !IsWellFormed(start)) {
    return "the devicetree is corrupt";
  }
  tree.tree_ = start;
  return nullptr;
}

const char* Devicetree::ReadMemory(std::span<MemoryRegion> ranges, size_t& count) const {
  const size_t before = count;
  int node = 0;
  fdt_for_each_subnode(node, tree_, 0) {
    if (devicetree::TextProperty(tree_, node, "device_type") != "memory") continue;
    if (!devicetree::IsAvailable(tree_, node)) continue;
    if (const char* wrong = AppendReg(tree_, node, MemoryKind::kUsable, ranges, count)) {
      return wrong;
    }
  }
  if (count == before) return "the devicetree has no memory";

  const int reserved = fdt_path_offset(tree_, "/reserved-memory");
  if (reserved >= 0) {
    fdt_for_each_subnode(node, tree_, reserved) {
      if (!devicetree::IsAvailable(tree_, node)) continue;
      if (const char* wrong = AppendReg(tree_, node, MemoryKind::kReserved, ranges, count)) {
        return wrong;
      }
    }
  }
  const int reservations = fdt_num_mem_rsv(tree_);
  for (int i = 0; i < reservations; ++i) {
    Range range;
    if (fdt_get_mem_rsv(tree_, i, &range.start, &range.length) != 0) continue;
    if (const char* wrong = Append(range, MemoryKind::kReserved, ranges, count)) return wrong;
  }
  return nullptr;
}

const char* Devicetree::ReadChosen(Chosen& chosen) const {
  chosen = {};
  const int node = fdt_path_offset(tree_, "/chosen");
  if (node < 0) return nullptr;
  chosen.command_line = devicetree::TextProperty(tree_, node, "bootargs");
  uint64_t end = 0;
  const bool has_start = !devicetree::Property(tree_, node, "linux,initrd-start").empty();
  const bool has_end = !devicetree::Property(tree_, node, "linux,initrd-end").empty();
  if (!has_start && !has_end) return nullptr;
  if (!devicetree::NumberProperty(tree_, node, "linux,initrd-start", chosen.initrd) ||
      !devicetree::NumberProperty(tree_, node, "linux,initrd-end", end) || end < chosen.initrd) {
    return "the devicetree does not say where the bundle is";
  }
  chosen.initrd_length = end - chosen.initrd;
  return nullptr;
}

const char* Devicetree::ReadSerial(SerialKind& kind, uint64_t& address) const {
  kind = SerialKind::kNone;
  address = 0;
  if (SerialAt(tree_, StandardOutput(tree_), kind, address)) return nullptr;
  for (const char* compatible : {"arm,pl011", "arm,sbsa-uart"}) {
    const int node = devicetree::FindCompatible(tree_, -1, compatible);
    if (node >= 0 && !SerialAt(tree_, node, kind, address)) {
      return "the devicetree has a bad serial port";
    }
    if (node >= 0) return nullptr;
  }
  return nullptr;
}

uint64_t Devicetree::FindClock() const {
  const int node = devicetree::FindCompatible(tree_, -1, "arm,pl031");
  Range registers;
  return node >= 0 && devicetree::Reg(tree_, node, 0, registers) ? registers.start : 0;
}

bool Devicetree::PsciByHvc() const {
  const int node = devicetree::FindCompatible(tree_, -1, "arm,psci-0.2");
  return node >= 0 && devicetree::TextProperty(tree_, node, "method") == "hvc";
}

}  // namespace bulkhead
