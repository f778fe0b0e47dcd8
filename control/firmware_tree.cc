// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "control/firmware_tree.h"

#include <algorithm>
#include <optional>

#include "base/align.h"
#include "boot/devicetree/nodes.h"
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
  Cells(const void* tree, int node, const char* name)
      : exists_(fdt_getprop(tree, node, name, nullptr) != nullptr),
        value_(devicetree::Property(tree, node, name)) {}

  // The property is there and consists of whole groups of so many cells.
  bool Groups(size_t cells) const { return exists_ && value_.size() % (4 * cells) == 0; }
  bool exists() const { return exists_; }
  bool empty() const { return next_ >= size(); }
  size_t size() const { return value_.size() / 4; }  // cells
  // A number of one or two cells; 0 if they are not there.
  uint64_t Take(uint32_t count) {
    uint64_t value = 0;
    (void)devicetree::Cells(value_, next_, static_cast<int>(count), value);
    next_ += count;
    return value;
  }

 private:
  bool exists_;
  std::span<const std::byte> value_;
  size_t next_ = 0;  // cell
};

bool Has(const void* tree, int node, const char* property) {
  return fdt_getprop(tree, node, property, nullptr) != nullptr;
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
  devicetree::Range reg;
  if (!devicetree::Reg(tree_, node, 0, reg)) return Bad("reg");
  uint64_t first = 0;
  uint64_t last = std::min<uint64_t>(reg.length / kBusBytes, 256) - 1;
  if (Cells range(tree_, node, "bus-range"); range.exists()) {
    if (!range.Groups(2) || range.size() != 2) return Bad("bus-range");
    first = range.Take(1);
    last = range.Take(1);
  }
  if (first > last || last > 0xff) return Bad("bus-range");
  if (!IsAligned(reg.start, kBusBytes) || !RangeWithin(reg.start, reg.length, kPhysicalTop) ||
      reg.start < first * kBusBytes || reg.length / kBusBytes < last - first + 1) {
    return Bad("reg");
  }
  out.ecam = static_cast<HostPhysical>(reg.start - first * kBusBytes);
  out.first_bus = static_cast<uint8_t>(first);
  out.last_bus = static_cast<uint8_t>(last);
  return {};
}

FirmwareTreeError FirmwareTree::ReadWindows(int node, PciHost& out) const {
  const int address_cells = fdt_address_cells(tree_, fdt_parent_offset(tree_, node));
  if (address_cells < 1 || address_cells > 2 || fdt_address_cells(tree_, node) != kPciCells ||
      fdt_size_cells(tree_, node) != kPciSizeCells) {
    return Bad("#address-cells");
  }
  const auto parent_cells = static_cast<uint32_t>(address_cells);
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
  return node >= 0 && devicetree::IsCompatible(tree_, node, "arm,gic-v3-its");
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
  const int node = devicetree::FindCompatible(tree_, -1, "pci-host-ecam-generic");
  if (node < 0) return {.kind = FirmwareTreeErrorKind::kNoPciHost};
  FirmwareTreeError error = CheckAncestors(node);
  if (error.ok()) error = ReadPlace(node, out);
  if (error.ok()) error = ReadWindows(node, out);
  if (error.ok()) error = ReadMessages(node, out);
  return error;
}

uint32_t FirmwareTree::ReadProcessors(std::span<uint64_t> ids) const {
  const int cpus = fdt_path_offset(tree_, "/cpus");
  if (cpus < 0) return 0;
  uint32_t count = 0;
  int node = 0;
  fdt_for_each_subnode(node, tree_, cpus) {
    uint64_t id = 0;
    if (devicetree::TextProperty(tree_, node, "device_type") == "cpu" &&
        devicetree::TextProperty(tree_, node, "enable-method") == "psci" &&
        devicetree::IsAvailable(tree_, node) && count < ids.size() &&
        devicetree::NumberProperty(tree_, node, "reg", id)) {
      ids[count++] = id;
    }
  }
  return count;
}

std::span<const std::byte> FirmwareTree::Seed() const {
  const int chosen = fdt_path_offset(tree_, "/chosen");
  if (chosen < 0) return {};
  for (const char* name : {"rng-seed", "kaslr-seed"}) {
    const auto seed = devicetree::Property(tree_, chosen, name);
    if (!seed.empty()) return seed;
  }
  return {};
}

}  // namespace bulkhead
