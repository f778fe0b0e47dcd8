// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_DEVICETREE_HANDOVER_H_
#define BULKHEAD_BOOT_DEVICETREE_HANDOVER_H_

// How a devicetree becomes a BootInfo. Free of the machine, so that it is tested on the host.

#include <cstdint>

#include "boot/boot_info.h"
#include "boot/devicetree/devicetree.h"

namespace bulkhead {

struct DevicetreeHandover {
  Devicetree tree;
  uint64_t tree_physical = 0;
  uint64_t tree_length = 0;  // bytes
  uint64_t image_physical = 0;
  uint64_t image_length = 0;  // bytes
};

// Fills `info`, all but wall_clock, or returns what is wrong: one phrase, static.
const char* MakeBootInfo(const DevicetreeHandover& handover, BootInfo& info);

}  // namespace bulkhead

#endif  // BULKHEAD_BOOT_DEVICETREE_HANDOVER_H_
