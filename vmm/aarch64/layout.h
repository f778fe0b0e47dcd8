// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_AARCH64_LAYOUT_H_
#define BULKHEAD_VMM_AARCH64_LAYOUT_H_

// Where everything lies on the platform that an aarch64 guest sees
// (docs/guest-platform-aarch64.md): the one place that says so. The loader, the devicetree and the
// exit handlers are all written against it.

#include <array>
#include <cstdint>

#include "hypervisor/abi/aarch64/vcpu_state.h"
#include "vmm/ram.h"

namespace bulkhead::layout {

inline constexpr uint64_t kRamStart = uint64_t{1} << 30;
// The loader and the devicetree need this much.
inline constexpr uint64_t kMinimumRam = uint64_t{2} << 20;

constexpr std::array<RamPiece, 2> Ram(uint64_t ram) { return {{{kRamStart, ram}, {0, 0}}}; }

// GICv3 (Arm IHI 0069): distributor, and for each processor two frames of 64 KiB.
inline constexpr uint64_t kGicdBase = 0x0800'0000;
inline constexpr uint64_t kGicdSize = 0x1'0000;
inline constexpr uint64_t kGicrBase = 0x080a'0000;
inline constexpr uint64_t kGicrStride = 0x2'0000;
inline constexpr uint32_t kMaxCpus = 64;
// INTIDs that exist: private ones, then shared ones from kFirstSpi.
inline constexpr uint32_t kFirstSpi = 32;
inline constexpr uint32_t kInterrupts = 64;

// The architected timer's private interrupts, as Arm's Base System Architecture numbers them.
inline constexpr uint32_t kHypervisorTimerPpi = 26;
inline constexpr uint32_t kVirtualTimerPpi = abi::kVirtualTimerInterrupt;
inline constexpr uint32_t kSecureTimerPpi = 29;
inline constexpr uint32_t kPhysicalTimerPpi = 30;

// virtio-mmio devices (virtio 1.2, 4.2): device i at Base + i * Stride, edge-triggered.
inline constexpr uint64_t kVirtioMmioBase = 0x0a00'0000;
inline constexpr uint64_t kVirtioMmioStride = 0x1000;
inline constexpr uint64_t kVirtioMmioSize = 0x200;
inline constexpr uint32_t kMaxVirtioDevices = 16;

constexpr uint64_t VirtioMmioAddress(uint32_t device) {
  return kVirtioMmioBase + device * kVirtioMmioStride;
}
constexpr uint32_t VirtioIntid(uint32_t device) { return kFirstSpi + device; }
static_assert(VirtioIntid(kMaxVirtioDevices - 1) < kInterrupts);

// Transmit side of a PL011, only with debug_uart=1.
inline constexpr uint64_t kDebugUartBase = 0x0900'0000;
inline constexpr uint64_t kDebugUartSize = 0x1000;

// PL031, only when the node knows the time.
inline constexpr uint64_t kRealTimeClockBase = 0x0901'0000;
inline constexpr uint64_t kRealTimeClockSize = 0x1000;

// The stolen-time structures (Arm DEN0057A), a page for each processor, read-only.
inline constexpr uint64_t kStolenTimeBase = 0x0910'0000;

// Room for the devicetree, which the loader puts below the initramfs.
inline constexpr uint64_t kDevicetreeSize = 0x1'0000;

static_assert(kGicdBase + kGicdSize <= kGicrBase);
static_assert(kGicrBase + kMaxCpus * kGicrStride <= kDebugUartBase);
static_assert(kStolenTimeBase + uint64_t{kMaxCpus} * 0x1000 <= kVirtioMmioBase);
static_assert(kVirtioMmioBase + kMaxVirtioDevices * kVirtioMmioStride <= kRamStart);

}  // namespace bulkhead::layout

#endif  // BULKHEAD_VMM_AARCH64_LAYOUT_H_
