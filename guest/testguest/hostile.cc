// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// What a guest may do to the outside. Each ends this guest, and nothing else.

#include <string_view>

#include "guest/testguest/checks.h"
#include "guest/testguest/cpu.h"
#include "guest/testguest/tap.h"
#include "vmm/x86_64/layout.h"

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
  void Set(uint32_t offset, uint32_t value) const { WriteMmio<uint32_t>(base + offset, value); }
  uint32_t Get(uint32_t offset) const { return ReadMmio<uint32_t>(base + offset); }
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
  asm volatile("mfence" : : : "memory");
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
  for (int i = 0; i < 10'000'000 && used.index == 0; ++i) asm volatile("pause");
  Line line;
  line << "# device status " << Hex{device.Get(0x70)} << ", used " << used.index << "\n";
  Print(line.view());
}

void TripleFault() {
  const struct [[gnu::packed]] {
    uint16_t limit;
    uint64_t base;
  } nothing = {0, 0};
  asm volatile("lidt %0; ud2" : : "m"(nothing));
}

// Protection keys, which CPUID does not offer and CR4 gives all the same. What the value forbids is
// of keys that no page has.
constexpr uint32_t kMark = 0xfffffff0;

void AllowProtectionKeys() {
  asm volatile("movq %%cr4, %%rax; btsq $22, %%rax; movq %%rax, %%cr4" : : : "rax", "memory");
}

[[noreturn]] void MarkRegisters() {
  AllowProtectionKeys();
  Print("# marked\n");
  for (;;) asm volatile("wrpkru" : : "a"(kMark), "c"(0), "d"(0));
}

// For a good number of time slices: what others leave behind shows.
void FindMarks() {
  AllowProtectionKeys();
  uint32_t found = 0;
  uint32_t rounds = 0;
  for (const uint64_t start = ReadTsc(); ReadTsc() - start < uint64_t{1} << 31; ++rounds) {
    uint32_t value, zero;
    asm volatile("rdpkru" : "=a"(value), "=d"(zero) : "c"(0));
    found |= value;
  }
  Line line;
  line << "# after " << rounds << " rounds found " << Hex{found} << "\n";
  Print(line.view());
  if (found == 0) PowerOff();
}

// A timer that has fired again before the processor can halt, and that interrupts nobody.
[[noreturn]] void StormTimer() {
  WriteMsr(0x80f, 0x1ff);
  WriteMsr(0x83e, 0xb);                       // divide by one
  WriteMsr(0x832, 1 << 17 | 1 << 16 | 0x40);  // periodic, masked
  WriteMsr(0x838, 1);
  Print("# storm\n");
  for (;;) asm volatile("sti; hlt");
}

}  // namespace

void BeHostile(std::string_view mode) {
  if (mode == "triple-fault") {
    TripleFault();
  } else if (mode == "jump-unmapped") {
    // Mapped in the page tables, no memory behind it.
    reinterpret_cast<void (*)()>(0xe0000000)();
  } else if (mode == "outside-memory") {
    WriteMmio<uint32_t>(0xe0000000, 1);
  } else if (mode == "spin-cli") {
    asm volatile("cli");
    for (;;) asm volatile("");
  } else if (mode == "chatter") {
    // Not hostile, only busy: every byte is an exit to the VMM and a message to the supervisor.
    for (;;) Print("#\n");
  } else if (mode == "hlt-cli") {
    asm volatile("cli; hlt");
  } else if (mode == "mark-registers") {
    MarkRegisters();
  } else if (mode == "find-marks") {
    FindMarks();
  } else if (mode == "timer-storm") {
    StormTimer();
  } else if (mode.starts_with("virtq-")) {
    BreakQueue(mode);
  }
}

}  // namespace bulkhead::testguest
