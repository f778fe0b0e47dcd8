// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// What a guest may do to the outside. Each ends this guest, and nothing else.

#include <cstdint>
#include <string_view>

#include "guest/testguest/checks.h"
#include "guest/testguest/machine.h"
#include "guest/testguest/tap.h"
#include "platform/layout.h"

namespace bulkhead::testguest {
namespace {

constexpr uint32_t kQueueSize = 8;

// Split virtqueue (virtio 1.2, 2.7).
struct Descriptor {
  uint64_t address;
  uint32_t length;
  uint16_t flags;
  uint16_t next;
};
struct Available {
  uint16_t flags, index, ring[kQueueSize], used_event;
};
struct Used {
  uint16_t flags, index;
  struct {
    uint32_t id, length;
  } ring[kQueueSize];
};
constexpr uint16_t kNext = 1, kDeviceWrites = 2;

alignas(16) Descriptor descriptors[kQueueSize];
alignas(16) volatile Available available;
alignas(16) volatile Used used;
uint8_t buffer[64];

// virtio-mmio registers (virtio 1.2, 4.2.2).
struct Device {
  uint64_t base;
  void Set(uint32_t offset, uint32_t value) const { WriteDevice(base + offset, value); }
  uint32_t Get(uint32_t offset) const { return ReadDevice(base + offset); }
  void SetAddress(uint32_t offset, const volatile void* to) const {
    const auto address = reinterpret_cast<uint64_t>(to);
    Set(offset, static_cast<uint32_t>(address));
    Set(offset + 4, static_cast<uint32_t>(address >> 32));
  }
};

// The random number generator, ready for use.
Device StartRng() {
  Device device{};
  for (uint32_t i = 0; i < layout::kMaxVirtioDevices; ++i) {
    device.base = layout::VirtioMmioAddress(i);
    if (device.Get(8) == 4) break;
  }
  device.Set(0x70, 0);      // status: reset
  device.Set(0x70, 1 | 2);  // acknowledge, driver
  device.Set(0x24, 1);      // driver features 63:32: VERSION_1
  device.Set(0x20, 1);
  device.Set(0x24, 0);
  device.Set(0x20, 0);
  device.Set(0x70, 1 | 2 | 8);  // features ok
  device.Set(0x30, 0);          // queue 0
  device.Set(0x38, kQueueSize);
  device.SetAddress(0x80, descriptors);
  device.SetAddress(0x90, &available);
  device.SetAddress(0xa0, &used);
  device.Set(0x44, 1);
  device.Set(0x70, 1 | 2 | 8 | 4);  // driver ok
  return device;
}

void Offer(const Device& device, uint16_t head, uint16_t index) {
  available.ring[0] = head;
  MemoryBarrier();
  available.index = index;
  device.Set(0x50, 0);  // notify
}

void BreakQueue(std::string_view mode) {
  const Device device = StartRng();
  descriptors[0] = {reinterpret_cast<uint64_t>(buffer), sizeof(buffer), kDeviceWrites, 0};
  uint16_t index = 1;
  if (mode == "virtq-loop") {
    descriptors[0].flags |= kNext;
    descriptors[0].next = 0;
  } else if (mode == "virtq-outside") {
    descriptors[0].address = uint64_t{1} << 46;
  } else if (mode == "virtq-zero") {
    descriptors[0].length = 0;
  } else if (mode == "virtq-huge") {
    descriptors[0].length = 0xffffffff;
  } else if (mode == "virtq-ahead") {
    index = 1000;
  }
  Offer(device, 0, index);
  // The device may answer a little later.
  for (int i = 0; i < 10'000'000 && used.index == 0; ++i) Relax();
  Line line;
  line << "# device status " << Hex{device.Get(0x70)} << ", used " << used.index << "\n";
  Print(line.view());
}

// Not hostile, only busy: exits without end, with as much work for the device as fits into its
// queue.
[[noreturn]] void KeepQueueFull() {
  const Device device = StartRng();
  descriptors[0] = {reinterpret_cast<uint64_t>(buffer), sizeof(buffer), kDeviceWrites, 0};
  for (uint16_t index = kQueueSize;; index += kQueueSize) {
    Offer(device, 0, index);
    while (used.index != index) Relax();
  }
}

// Mapped in the page tables, no memory behind it.
constexpr uint64_t kNowhere = 0xe0000000;

}  // namespace

void BeHostile(std::string_view mode) {
  if (mode == "jump-unmapped") {
    reinterpret_cast<void (*)()>(kNowhere)();
  } else if (mode == "outside-memory") {
    WriteDevice(kNowhere, 1);
  } else if (mode == "chatter") {
    // Not hostile, only busy: every byte is an exit to the VMM and a message to the supervisor.
    for (;;) Print("#\n");
  } else if (mode == "virtq-full") {
    KeepQueueFull();
  } else if (mode.starts_with("virtq-")) {
    BreakQueue(mode);
  } else {
    BeHostileToMachine(mode);
  }
}

}  // namespace bulkhead::testguest
