// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The interrupt controller and the timers: bindings arm,gic-v3 and arm,arch_timer.

#include <libfdt.h>

#include "boot/devicetree/devicetree.h"
#include "boot/devicetree/nodes.h"

namespace bulkhead {
namespace {

using devicetree::Range;

constexpr const char* kBadGic = "the devicetree has a bad interrupt controller";
constexpr const char* kBadTimer = "the devicetree has a bad timer";

// Binding arm,gic-v3: type, number, flags, and perhaps a partition.
constexpr uint64_t kPrivatePeripheral = 1;
constexpr uint32_t kFirstPrivatePeripheral = 16;
constexpr uint64_t kPrivatePeripherals = 16;

// Binding arm,arch_timer: the order of the interrupts where they have no names.
constexpr size_t kPhysicalIndex = 1;
constexpr size_t kVirtualIndex = 2;
constexpr size_t kHypervisorIndex = 3;

// Entry `index` of "interrupts" as an INTID. False if it is no private peripheral interrupt.
bool PrivateInterrupt(const void* tree, int node, size_t index, size_t cells, uint32_t& intid) {
  const auto interrupts = devicetree::Property(tree, node, "interrupts");
  const size_t at = index * cells;
  uint64_t type = 0;
  uint64_t number = 0;
  if (!devicetree::Cells(interrupts, at, 1, type) ||
      !devicetree::Cells(interrupts, at + 1, 1, number) || type != kPrivatePeripheral ||
      number >= kPrivatePeripherals) {
    return false;
  }
  intid = kFirstPrivatePeripheral + static_cast<uint32_t>(number);
  return true;
}

const char* ReadTimer(const void* tree, size_t cells, GicInfo& gic) {
  const int node = devicetree::FindCompatible(tree, -1, "arm,armv8-timer");
  if (node < 0) return "the devicetree has no timer";
  const bool named = fdt_getprop(tree, node, "interrupt-names", nullptr) != nullptr;
  const auto read = [&](const char* name, size_t index, uint32_t& intid) {
    if (named) {
      const int found = fdt_stringlist_search(tree, node, "interrupt-names", name);
      if (found < 0) return false;
      index = static_cast<size_t>(found);
    }
    return PrivateInterrupt(tree, node, index, cells, intid);
  };
  const bool good = read("phys", kPhysicalIndex, gic.physical_timer_interrupt) &&
                    read("virt", kVirtualIndex, gic.virtual_timer_interrupt) &&
                    read("hyp-phys", kHypervisorIndex, gic.hypervisor_timer_interrupt);
  return good ? nullptr : kBadTimer;
}

// "reg": the distributor, the redistributors, and what only older guests need.
const char* ReadFrames(const void* tree, int node, GicInfo& gic) {
  Range range;
  if (!devicetree::Reg(tree, node, 0, range)) return kBadGic;
  gic.distributor = range.start;
  uint64_t count = 1;
  if (!devicetree::Property(tree, node, "#redistributor-regions").empty() &&
      !devicetree::NumberProperty(tree, node, "#redistributor-regions", count)) {
    return kBadGic;
  }
  if (count == 0) return kBadGic;
  if (count > kMaxRedistributorRegions) return "the devicetree has too many redistributor regions";
  for (uint32_t i = 0; i < count; ++i) {
    if (!devicetree::Reg(tree, node, i + 1, range)) return kBadGic;
    gic.redistributors[i] = {range.start, range.length};
  }
  gic.redistributor_count = static_cast<uint32_t>(count);
  return nullptr;
}

}  // namespace

const char* Devicetree::ReadGic(GicInfo& gic) const {
  gic = {};
  const int node = devicetree::FindCompatible(tree_, -1, "arm,gic-v3");
  if (node < 0) return nullptr;
  if (const char* wrong = ReadFrames(tree_, node, gic)) return wrong;
  uint64_t cells = 0;
  if (!devicetree::NumberProperty(tree_, node, "#interrupt-cells", cells) || cells < 3 ||
      cells > 4) {
    return kBadGic;
  }
  if (!PrivateInterrupt(tree_, node, 0, cells, gic.maintenance_interrupt)) {
    return "the interrupt controller has no maintenance interrupt";
  }
  int child = 0;
  fdt_for_each_subnode(child, tree_, node) {
    Range registers;
    if (!devicetree::IsCompatible(tree_, child, "arm,gic-v3-its") ||
        !devicetree::IsAvailable(tree_, child)) {
      continue;
    }
    if (!devicetree::Reg(tree_, child, 0, registers)) return kBadGic;
    gic.its = registers.start;
    break;
  }
  return ReadTimer(tree_, cells, gic);
}

}  // namespace bulkhead
