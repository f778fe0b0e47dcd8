// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The C++ half of the direct entry: follows the pointers of hvm_start_info.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "boot/boot_info.h"
#include "boot/early_console.h"
#include "boot/pvh/start_info.h"
#include "boot/x86_64/com1.h"
#include "boot/x86_64/loader_entry.h"

// Returns the physical address of the BootInfo.
extern "C" uint64_t PvhMain(uint64_t start_info);

namespace bulkhead {
namespace {

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

  LoaderHandover handover;
  handover.rsdp = start.rsdp;
  handover.memory_map = Physical<PvhMemoryRange>(start.memory_map, start.memory_map_count,
                                                 "the PVH memory map lies above 4 GiB");
  const auto modules = Physical<PvhModule>(start.modules, start.module_count,
                                           "the PVH module list lies above 4 GiB");
  if (!modules.empty()) {
    handover.bundle = modules.front().address;
    handover.bundle_length = modules.front().length;
  }
  handover.command_line = CommandLine(start.command_line);
  return HandOver(handover);
}
