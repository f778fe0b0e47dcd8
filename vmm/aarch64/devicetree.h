// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_AARCH64_DEVICETREE_H_
#define BULKHEAD_VMM_AARCH64_DEVICETREE_H_

// The devicetree that tells the guest what its platform has (Devicetree Specification 0.4; bindings
// as in Linux, Documentation/devicetree/bindings).

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/status.h"

namespace bulkhead {

struct DevicetreeConfig {
  uint32_t cpus = 1;  // affinity: Aff0 = 0 to cpus - 1
  uint64_t ram_bytes = 0;
  std::string_view command_line = {};
  uint64_t initramfs_start = 0;  // guest-physical; 0: none
  uint64_t initramfs_end = 0;    // exclusive
  // For the guest's random number generator, and where it places itself; empty: there is none.
  std::span<const std::byte> random = {};
  uint32_t virtio_devices = 0;  // at most layout::kMaxVirtioDevices
  bool debug_uart = false;
  bool real_time_clock = false;
};

// Writes the flattened tree to `out`, which is 8-byte aligned; returns its length in bytes.
// kNoMemory: it does not fit.
Result<uint64_t> BuildDevicetree(const DevicetreeConfig& config, std::span<std::byte> out);

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_AARCH64_DEVICETREE_H_
