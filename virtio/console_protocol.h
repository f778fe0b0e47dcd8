// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VIRTIO_CONSOLE_PROTOCOL_H_
#define BULKHEAD_VIRTIO_CONSOLE_PROTOCOL_H_

#include <cstddef>
#include <cstdint>

namespace bulkhead {

inline constexpr uint64_t kConsoleFeatureMultiport = uint64_t{1} << 1;  // virtio 1.2, 5.3.3

// Configuration space (virtio 1.2, 5.3.4).
struct ConsoleConfig {
  uint16_t columns;
  uint16_t rows;
  uint32_t max_ports;
  uint32_t emergency_write;
};
static_assert(sizeof(ConsoleConfig) == 12);
static_assert(offsetof(ConsoleConfig, max_ports) == 4);

// Messages on the control queues (virtio 1.2, 5.3.6.2).
enum class ConsoleEvent : uint16_t {
  kDeviceReady = 0,
  kPortAdd = 1,
  kPortRemove = 2,
  kPortReady = 3,
  kConsolePort = 4,
  kResize = 5,
  kPortOpen = 6,
  kPortName = 7,
};

struct ConsoleControl {
  uint32_t port;
  ConsoleEvent event;
  uint16_t value;
};
static_assert(sizeof(ConsoleControl) == 8);
static_assert(offsetof(ConsoleControl, event) == 4);

}  // namespace bulkhead

#endif  // BULKHEAD_VIRTIO_CONSOLE_PROTOCOL_H_
