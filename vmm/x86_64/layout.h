// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_X86_64_LAYOUT_H_
#define BULKHEAD_VMM_X86_64_LAYOUT_H_

// Where everything lies on the platform that an x86_64 guest sees (docs/guest-platform.md): the one
// place that says so. The loader, the ACPI tables and the exit handlers are all written against it.

#include <array>
#include <cstdint>

#include "vmm/ram.h"

namespace bulkhead::layout {

// RAM starts at 0. What does not fit below the device hole goes on from 4 GiB.
inline constexpr uint64_t kLowRamLimit = uint64_t{3} << 30;
inline constexpr uint64_t kHighRamStart = uint64_t{4} << 30;
// The loader, the ACPI tables and the first megabyte's customs need this much.
inline constexpr uint64_t kMinimumRam = uint64_t{2} << 20;

// Bytes of RAM below the hole, of `ram` in all.
constexpr uint64_t LowRam(uint64_t ram) { return ram < kLowRamLimit ? ram : kLowRamLimit; }
// Bytes of RAM from 4 GiB on.
constexpr uint64_t HighRam(uint64_t ram) { return ram - LowRam(ram); }
constexpr std::array<RamPiece, 2> Ram(uint64_t ram) {
  return {{{0, LowRam(ram)}, {kHighRamStart, HighRam(ram)}}};
}

// virtio-mmio devices (virtio 1.2, 4.2): device i at Base + i * Stride, edge-triggered on GSI
// kVirtioFirstGsi + i.
inline constexpr uint64_t kVirtioMmioBase = 0xd0000000;
inline constexpr uint64_t kVirtioMmioStride = 0x1000;
inline constexpr uint64_t kVirtioMmioSize = 0x200;
inline constexpr uint32_t kMaxVirtioDevices = 16;
inline constexpr uint32_t kVirtioFirstGsi = 5;

constexpr uint64_t VirtioMmioAddress(uint32_t device) {
  return kVirtioMmioBase + device * kVirtioMmioStride;
}
constexpr uint32_t VirtioGsi(uint32_t device) { return kVirtioFirstGsi + device; }

inline constexpr uint64_t kIoApicBase = 0xfec00000;
inline constexpr uint64_t kIoApicSize = 0x1000;
inline constexpr uint32_t kIoApicPins = 24;
static_assert(VirtioGsi(kMaxVirtioDevices - 1) < kIoApicPins);

// The local interrupt controllers are x2APICs, reached by MSR only. This address is what
// IA32_APIC_BASE and the MADT must hold; nothing answers there.
inline constexpr uint64_t kLocalApicBase = 0xfee00000;

// I/O ports: hardware-reduced ACPI (ACPI 6.4, 4.8.3.7), one byte each.
inline constexpr uint16_t kSleepControlPort = 0x600;
inline constexpr uint16_t kSleepStatusPort = 0x601;
inline constexpr uint16_t kResetPort = 0x602;
inline constexpr uint8_t kSleepTypeOff = 5;  // SLP_TYP of \_S5
inline constexpr uint8_t kResetValue = 1;

// Transmit side of a 16550, only with debug_uart=1.
inline constexpr uint16_t kDebugUartPort = 0x3f8;
inline constexpr uint16_t kDebugUartPorts = 8;

// What the loader puts below 640 KiB for the kernel's entry to read; RAM like any other after that.
inline constexpr uint64_t kStartInfo = 0x6000;
inline constexpr uint64_t kMemoryMap = 0x6100;
inline constexpr uint64_t kModuleList = 0x6800;
inline constexpr uint64_t kCommandLine = 0x7000;
inline constexpr uint64_t kCommandLineSize = 0x1000;  // terminating NUL included

// ACPI tables, in RAM that the memory map calls reserved.
inline constexpr uint64_t kAcpiTables = 0xe0000;
inline constexpr uint64_t kAcpiTablesSize = 0x20000;
static_assert(kAcpiTables + kAcpiTablesSize == 0x100000);

// The lowest address a kernel may be loaded at.
inline constexpr uint64_t kKernelLowest = 0x100000;

}  // namespace bulkhead::layout

#endif  // BULKHEAD_VMM_X86_64_LAYOUT_H_
