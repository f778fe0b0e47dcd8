// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/handover.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "base/align.h"
#include "boot/memory_map.h"

namespace bulkhead {

void StartBootInfo(uint64_t image_physical, uint64_t image_length, BootInfo& info) {
  std::memset(&info, 0, sizeof(info));
  info.magic = kBootInfoMagic;
  info.version = kBootInfoVersion;
  info.size = sizeof(BootInfo);
  info.image_physical = image_physical;
  info.image_length = image_length;
}

const char* SetBundle(uint64_t address, uint64_t length, BootInfo& info) {
  if (!IsAligned(address, kPageSize)) return "the bundle is not page-aligned";
  if (!RangeWithin(address, length, kPhysicalLimit)) {
    return "the bundle lies outside physical memory";
  }
  info.bundle_physical = address;
  info.bundle_length = length;
  return nullptr;
}

const char* SetCommandLine(std::string_view text, BootInfo& info) {
  if (text.size() >= kCommandLineCapacity) return "the command line is too long";
  std::fill(std::begin(info.command_line), std::end(info.command_line), '\0');
  std::copy(text.begin(), text.end(), info.command_line);
  return nullptr;
}

}  // namespace bulkhead
