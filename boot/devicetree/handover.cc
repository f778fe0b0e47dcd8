// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/devicetree/handover.h"

#include <array>
#include <span>

#include "boot/handover.h"
#include "boot/memory_map.h"

namespace bulkhead {
namespace {

// Ours: the image, the tree and the bundle.
constexpr size_t kOurRanges = 3;
// Too large for a boot stack. The boot processor is alone and calls MakeBootInfo once.
std::array<MemoryRegion, kMaxMemoryRegions + kOurRanges> g_ranges;

}  // namespace

const char* MakeBootInfo(const DevicetreeHandover& handover, BootInfo& info) {
  StartBootInfo(handover.image_physical, handover.image_length, info);
  const Devicetree& tree = handover.tree;
  info.devicetree = handover.tree_physical;
  info.devicetree_length = handover.tree_length;
  if (const char* wrong = tree.ReadSerial(info.serial_kind, info.serial_address)) return wrong;
  if (const char* wrong = tree.ReadGic(info.gic)) return wrong;

  Devicetree::Chosen chosen;
  if (const char* wrong = tree.ReadChosen(chosen)) return wrong;
  if (const char* wrong = SetCommandLine(chosen.command_line, info)) return wrong;
  if (const char* wrong = SetBundle(chosen.initrd, chosen.initrd_length, info)) return wrong;

  size_t count = 0;
  g_ranges[count++] = {handover.image_physical, handover.image_length, MemoryKind::kLoader, 0};
  g_ranges[count++] = {handover.tree_physical, handover.tree_length, MemoryKind::kLoader, 0};
  g_ranges[count++] = {chosen.initrd, chosen.initrd_length, MemoryKind::kLoader, 0};
  if (const char* wrong = tree.ReadMemory(g_ranges, count)) return wrong;
  if (SetMemoryMap(std::span(g_ranges).first(count), info) != Status::kOk) {
    return "the memory map has too many regions";
  }
  return nullptr;
}

}  // namespace bulkhead
