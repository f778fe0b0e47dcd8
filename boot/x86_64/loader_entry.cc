// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/x86_64/loader_entry.h"

#include "boot/boot_info.h"
#include "boot/x86_64/layout.h"

extern "C" {
extern const char __image_start[];
extern const char __image_end[];
}

namespace bulkhead {
namespace {

BootInfo g_boot_info;

}  // namespace

uint64_t HandOver(LoaderHandover handover) {
  handover.image_physical = BULKHEAD_IMAGE_PHYSICAL;
  handover.image_length = static_cast<uint64_t>(__image_end - __image_start);
  if (const char* wrong = MakeBootInfo(handover, g_boot_info)) EarlyFatal(wrong);
  return BULKHEAD_PHYSICAL(reinterpret_cast<uint64_t>(&g_boot_info));
}

}  // namespace bulkhead
