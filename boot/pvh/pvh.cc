// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The C++ half of the direct entry: follows the pointers of hvm_start_info, which lie in the low
// 4 GiB that start.S mapped one to one.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "base/align.h"
#include "boot/boot_info.h"
#include "boot/early_console.h"
#include "boot/pvh/start_info.h"
#include "boot/x86_64/com1.h"
#include "boot/x86_64/layout.h"

extern "C" {
extern const char __image_start[];
extern const char __image_end[];

// Returns the physical address of the BootInfo.
uint64_t PvhMain(uint64_t start_info);
}

namespace bulkhead {
namespace {

constexpr uint64_t kMappedLimit = uint64_t{4} << 30;

BootInfo g_boot_info;

template <typename T>
std::span<const T> Physical(uint64_t address, uint64_t count, std::string_view what_is_wrong) {
  if (count == 0) return {};
  if (!IsAligned(address, alignof(T)) || address == 0 || count > kMappedLimit / sizeof(T) ||
      !RangeWithin(address, count * sizeof(T), kMappedLimit)) {
    EarlyFatal(what_is_wrong);
  }
  return {reinterpret_cast<const T*>(address), count};
}

std::string_view CommandLine(uint64_t address) {
  if (address == 0) return {};
  const uint64_t limit =
      address < kMappedLimit ? std::min<uint64_t>(kCommandLineCapacity, kMappedLimit - address) : 1;
  const auto text = Physical<char>(address, limit, "the command line lies above 4 GiB");
  // Without a NUL it has its full capacity, which MakeBootInfo refuses as too long.
  const void* end = std::memchr(text.data(), 0, text.size());
  if (end == nullptr) return {text.data(), text.size()};
  return {text.data(), static_cast<size_t>(static_cast<const char*>(end) - text.data())};
}

}  // namespace
}  // namespace bulkhead

uint64_t PvhMain(uint64_t start_info) {
  using namespace bulkhead;  // NOLINT: an entry point, not a header
  EarlyConsoleInit(kComPort1);
  const PvhStartInfo start =
      Physical<PvhStartInfo>(start_info, 1, "the PVH start info lies above 4 GiB").front();
  if (start.magic != kPvhMagic) EarlyFatal("started by something that is no PVH loader");
  if (start.version < kPvhVersion) EarlyFatal("the PVH loader is too old: no memory map");

  PvhHandover handover;
  handover.rsdp = start.rsdp;
  handover.memory_map = Physical<PvhMemoryRange>(start.memory_map, start.memory_map_count,
                                                 "the PVH memory map lies above 4 GiB");
  handover.modules = Physical<PvhModule>(start.modules, start.module_count,
                                         "the PVH module list lies above 4 GiB");
  handover.command_line = CommandLine(start.command_line);
  handover.image_physical = BULKHEAD_PVH_IMAGE_PHYSICAL;
  handover.image_length = static_cast<uint64_t>(__image_end - __image_start);
  if (const char* wrong = MakeBootInfo(handover, g_boot_info)) EarlyFatal(wrong);
  return reinterpret_cast<uint64_t>(&g_boot_info) - BULKHEAD_IMAGE_VIRTUAL +
         BULKHEAD_PVH_IMAGE_PHYSICAL;
}
