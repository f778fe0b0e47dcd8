// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "control/firmware_tree.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "base/align.h"
#include "libfdt.h"

namespace bulkhead {
namespace {

constexpr uint64_t kBusBytes = uint64_t{1} << 20;  // of ECAM
constexpr uint64_t kPhysicalTop = uint64_t{1} << 52;

// The first cell of a PCI address (IEEE Std 1275-1994 PCI Bus Binding 2.1, 2.2.1.1).
constexpr uint32_t kPciCells = 3;
constexpr uint32_t kPciSizeCells = 2;
constexpr uint32_t kSpaceShift = 24;
constexpr uint32_t kSpaceMask = 3;
constexpr uint32_t kSpaceMemory32 = 2;
constexpr uint32_t kSpaceMemory64 = 3;
constexpr uint32_t kPrefetchable = 1U << 30;

constexpr uint32_t kRequesterMask = 0xffff;

FirmwareTreeError Bad(const char* property) {
  return {FirmwareTreeErrorKind::kBadProperty, property};
}

// A property's value as big-endian cells, taken one after the other.
class Cells {
 public:
  Cells(const void* tree, int node, const char* name) {
    int length = 0;
    const void* value = fdt_getprop(tree, node, name, &length);
    if (value == nullptr) return;
    exists_ = true;
    whole_ = length % 4 == 0;
    cells_ = {static_cast<const fdt32_t*>(value), static_cast<size_t>(length) / 4};
  }

  // The property is there and consists of whole groups of so many cells.
  bool Groups(size_t cells) const { return exists_ && whole_ && cells_.size() % cells == 0; }
  bool exists() const { return exists_; }
  bool empty() const { return cells_.empty(); }
  size_t size() const { return cells_.size(); }
  // A number of one or two cells; 0 if they are not there.
  uint64_t Take(uint32_t count) {
    uint64_t value = 0;
    for (; count > 0 && !cells_.empty(); --count) {
      value = value << 32 | fdt32_ld(cells_.data());
      cells_ = cells_.subspan(1);
    }
    return value;
  }

 private:
  std::span<const fdt32_t> cells_;
  bool exists_ = false;
  bool whole_ = false;
};

bool InUse(const void* tree, int node) {
  int length = 0;
  const char* status = fdt_stringlist_get(tree, node, "status", 0, &length);
  if (status == nullptr) return length == -FDT_ERR_NOTFOUND;
  const std::string_view text(status, static_cast<size_t>(length));
  return text == "okay" || text == "ok";
}

bool Has(const void* tree, int node, const char* property) {
  return fdt_getprop(tree, node, property, nullptr) != nullptr;
}

// The cells of addresses and sizes below a node, where they are numbers of 64 bits at most.
bool ReadCellCounts(const void* tree, int node, uint32_t& address, uint32_t& size) {
  const int address_cells = fdt_address_cells(tree, node);
  const int size_cells = fdt_size_cells(tree, node);
  if (address_cells < 1 || address_cells > 2 || size_cells < 1 || size_cells > 2) return false;
  address = static_cast<uint32_t>(address_cells);
  size = static_cast<uint32_t>(size_cells);
  return true;
}

}  // namespace

TextWriter& operator<<(TextWriter& out, const FirmwareTreeError& error) {
  out << "devicetree: ";
  switch (error.kind) {
    case FirmwareTreeErrorKind::kNone:
      return out << "no error";
    case FirmwareTreeErrorKind::kUnreadable:
      return out << "cannot be read";
    case FirmwareTreeErrorKind::kBadFormat:
      return out << "malformed";
    case FirmwareTreeErrorKind::kNoPciHost:
      return out << "there is no PCI host bridge with ECAM";
    case FirmwareTreeErrorKind::kBadProperty:
      return out << "PCI host bridge: bad property '" << error.property << '\'';
    case FirmwareTreeErrorKind::kNotCoherent:
      return out << "PCI host bridge: its devices are not coherent with the caches";
    case FirmwareTreeErrorKind::kNoMessages:
      return out << "PCI host bridge: its devices' messages go to no GICv3 ITS";
    case FirmwareTreeErrorKind::kNoTranslation:
      return out << "PCI host bridge: its parent bus translates addresses";
  }
  return out << "unknown error";
}

FirmwareTreeError FirmwareTree::Open(std::span<const std::byte> bytes, FirmwareTree& out) {
  constexpr FirmwareTreeError kBadFormat = {.kind = FirmwareTreeErrorKind::kBadFormat};
  if (bytes.size() < sizeof(fdt_header) || bytes.size() > kMaxDevicetreeLength ||
      !IsAligned(reinterpret_cast<uintptr_t>(bytes.data()), 8) ||
      fdt_check_header(bytes.data()) != 0 || fdt_totalsize(bytes.data()) > bytes.size()) {
    return kBadFormat;
  }
  // libfdt takes the alignment of the blocks for granted (Devicetree Specification 0.4, 5.6).
  if (!IsAligned(fdt_off_dt_struct(bytes.data()), 4) ||
      !IsAligned(fdt_off_mem_rsvmap(bytes.data()), 8)) {
    return kBadFormat;
  }
  out = FirmwareTree(bytes.data());
  return {};
}

int FirmwareTree::FindPciHost() const {
  constexpr const char* kCompatible = "pci-host-ecam-generic";
  int node = fdt_node_offset_by_compatible(tree_, -1, kCompatible);
  while (node >= 0 && !InUse(tree_, node)) {
    node = fdt_node_offset_by_compatible(tree_, node, kCompatible);
  }
  return node;
}

// Buses in between pass addresses on as they are, and what is said of them holds for the bridge.
FirmwareTreeError FirmwareTree::CheckAncestors(int node) const {
  bool coherent = Has(tree_, node, "dma-coherent");
  // Finding a parent means reading the tree up to there; real trees have two or three levels.
  constexpr int kMaxDepth = 8;
  for (int depth = 0; depth < kMaxDepth; ++depth) {
    node = fdt_parent_offset(tree_, node);
    if (node < 0) return {.kind = FirmwareTreeErrorKind::kBadFormat};
    coherent = coherent || Has(tree_, node, "dma-coherent");
    if (fdt_parent_offset(tree_, node) < 0) {  // the root
      if (!coherent) return {.kind = FirmwareTreeErrorKind::kNotCoherent};
      return {};
    }
    const Cells ranges(tree_, node, "ranges");
    if (!ranges.exists() || !ranges.empty() || Has(tree_, node, "dma-ranges")) break;
  }
  return {.kind = FirmwareTreeErrorKind::kNoTranslation};
}

// reg is where first_bus begins, not bus 0 (Linux, host-generic-pci.yaml).
FirmwareTreeError FirmwareTree::ReadPlace(int node, PciHost& out) const {
  uint32_t address_cells = 0;
  uint32_t size_cells = 0;
  const int parent = fdt_parent_offset(tree_, node);
  if (!ReadCellCounts(tree_, parent, address_cells, size_cells)) return Bad("#address-cells");
  Cells reg(tree_, node, "reg");
  if (!reg.Groups(address_cells + size_cells) || reg.empty()) return Bad("reg");
  const uint64_t start = reg.Take(address_cells);
  const uint64_t length = reg.Take(size_cells);

  uint64_t first = 0;
  uint64_t last = std::min<uint64_t>(length / kBusBytes, 256) - 1;
  if (Cells range(tree_, node, "bus-range"); range.exists()) {
    if (!range.Groups(2) || range.size() != 2) return Bad("bus-range");
    first = range.Take(1);
    last = range.Take(1);
  }
  if (first > last || last > 0xff) return Bad("bus-range");
  if (!IsAligned(start, kBusBytes) || !RangeWithin(start, length, kPhysicalTop) ||
      start < first * kBusBytes || length / kBusBytes < last - first + 1) {
    return Bad("reg");
  }
  out.ecam = static_cast<HostPhysical>(start - first * kBusBytes);
  out.first_bus = static_cast<uint8_t>(first);
  out.last_bus = static_cast<uint8_t>(last);
  return {};
}

FirmwareTreeError FirmwareTree::ReadWindows(int node, PciHost& out) const {
  uint32_t parent_cells = 0;
  uint32_t unused = 0;
  const int parent = fdt_parent_offset(tree_, node);
  if (!ReadCellCounts(tree_, parent, parent_cells, unused)) return Bad("#address-cells");
  if (fdt_address_cells(tree_, node) != kPciCells || fdt_size_cells(tree_, node) != kPciSizeCells) {
    return Bad("#address-cells");
  }
  Cells ranges(tree_, node, "ranges");
  if (!ranges.Groups(kPciCells + parent_cells + kPciSizeCells)) return Bad("ranges");
  while (!ranges.empty()) {
    const auto flags = static_cast<uint32_t>(ranges.Take(1));
    PciWindow window;
    window.bus_address = ranges.Take(2);
    window.start = static_cast<HostPhysical>(ranges.Take(parent_cells));
    window.length = ranges.Take(kPciSizeCells);
    window.prefetchable = (flags & kPrefetchable) != 0;
    const uint32_t space = flags >> kSpaceShift & kSpaceMask;
    if (space != kSpaceMemory32 && space != kSpaceMemory64) continue;
    if (!RangeWithin(Raw(window.start), window.length, kPhysicalTop) || !out.AddWindow(window)) {
      return Bad("ranges");
    }
  }
  // Without any, everything would be taken for one (PciHost).
  return out.windows().empty() ? Bad("ranges") : FirmwareTreeError{};
}

bool FirmwareTree::IsIts(uint64_t phandle) const {
  const int node = fdt_node_offset_by_phandle(tree_, static_cast<uint32_t>(phandle));
  return node >= 0 && fdt_node_check_compatible(tree_, node, "arm,gic-v3-its") == 0;
}

// Which message is whose: Linux, pci-msi.txt. The hypervisor drives one ITS.
FirmwareTreeError FirmwareTree::ReadMessages(int node, PciHost& out) const {
  constexpr FirmwareTreeError kNoMessages = {.kind = FirmwareTreeErrorKind::kNoMessages};
  Cells map(tree_, node, "msi-map");
  if (!map.exists()) {
    // The controller, with one cell or without, which is not for PCI: a requester id is its own
    // device id.
    Cells parent(tree_, node, "msi-parent");
    if (!parent.exists()) return kNoMessages;
    if (!parent.Groups(1) || parent.empty() || parent.size() > 2) return Bad("msi-parent");
    return IsIts(parent.Take(1)) ? FirmwareTreeError{} : kNoMessages;
  }
  constexpr size_t kMapCells = 4;
  if (!map.Groups(kMapCells) || map.empty()) return Bad("msi-map");
  if (Cells mask(tree_, node, "msi-map-mask"); mask.exists()) {
    if (!mask.Groups(1) || (mask.Take(1) & kRequesterMask) != kRequesterMask) {
      return Bad("msi-map-mask");
    }
  }
  std::optional<uint64_t> controller;
  while (!map.empty()) {
    PciMsiRange range;
    range.requester = static_cast<uint32_t>(map.Take(1));
    const uint64_t its = map.Take(1);
    range.device = static_cast<uint32_t>(map.Take(1));
    range.count = static_cast<uint32_t>(map.Take(1));
    if (controller.value_or(its) != its || !out.AddMsiRange(range)) return Bad("msi-map");
    controller = its;
  }
  return IsIts(*controller) ? FirmwareTreeError{} : kNoMessages;
}

FirmwareTreeError FirmwareTree::ReadPciHost(PciHost& out) const {
  out = {};
  const int node = FindPciHost();
  if (node < 0) return {.kind = FirmwareTreeErrorKind::kNoPciHost};
  FirmwareTreeError error = CheckAncestors(node);
  if (error.ok()) error = ReadPlace(node, out);
  if (error.ok()) error = ReadWindows(node, out);
  if (error.ok()) error = ReadMessages(node, out);
  return error;
}

std::span<const std::byte> FirmwareTree::Seed() const {
  const int chosen = fdt_path_offset(tree_, "/chosen");
  if (chosen < 0) return {};
  for (const char* name : {"rng-seed", "kaslr-seed"}) {
    int length = 0;
    const void* value = fdt_getprop(tree_, chosen, name, &length);
    if (value != nullptr && length > 0) {
      return {static_cast<const std::byte*>(value), static_cast<size_t>(length)};
    }
  }
  return {};
}

}  // namespace bulkhead
