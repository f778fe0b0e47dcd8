// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VIRTIO_MMIO_REGISTERS_H_
#define BULKHEAD_VIRTIO_MMIO_REGISTERS_H_

#include <cstdint>

namespace bulkhead {

// Registers of virtio over MMIO, version 2: offsets in bytes (virtio 1.2, 4.2.2). All but the
// configuration are accessed in aligned 32-bit words.
inline constexpr uint32_t kMmioMagicValue = 0x000;
inline constexpr uint32_t kMmioVersion = 0x004;
inline constexpr uint32_t kMmioDeviceId = 0x008;
inline constexpr uint32_t kMmioVendorId = 0x00c;
inline constexpr uint32_t kMmioDeviceFeatures = 0x010;
inline constexpr uint32_t kMmioDeviceFeaturesSel = 0x014;
inline constexpr uint32_t kMmioDriverFeatures = 0x020;
inline constexpr uint32_t kMmioDriverFeaturesSel = 0x024;
inline constexpr uint32_t kMmioQueueSel = 0x030;
inline constexpr uint32_t kMmioQueueSizeMax = 0x034;
inline constexpr uint32_t kMmioQueueSize = 0x038;
inline constexpr uint32_t kMmioQueueReady = 0x044;
inline constexpr uint32_t kMmioQueueNotify = 0x050;
inline constexpr uint32_t kMmioInterruptStatus = 0x060;
inline constexpr uint32_t kMmioInterruptAck = 0x064;
inline constexpr uint32_t kMmioStatus = 0x070;
inline constexpr uint32_t kMmioQueueDescLow = 0x080;
inline constexpr uint32_t kMmioQueueDescHigh = 0x084;
inline constexpr uint32_t kMmioQueueDriverLow = 0x090;
inline constexpr uint32_t kMmioQueueDriverHigh = 0x094;
inline constexpr uint32_t kMmioQueueDeviceLow = 0x0a0;
inline constexpr uint32_t kMmioQueueDeviceHigh = 0x0a4;
inline constexpr uint32_t kMmioShmLenLow = 0x0b0;
inline constexpr uint32_t kMmioShmLenHigh = 0x0b4;
inline constexpr uint32_t kMmioShmBaseLow = 0x0b8;
inline constexpr uint32_t kMmioShmBaseHigh = 0x0bc;
inline constexpr uint32_t kMmioConfigGeneration = 0x0fc;
inline constexpr uint32_t kMmioConfig = 0x100;

inline constexpr uint32_t kMmioMagic = 0x74726976;  // "virt"
inline constexpr uint32_t kMmioVersion2 = 2;
inline constexpr uint32_t kMmioVendor = 0x44484b42;  // "BKHD"
inline constexpr uint32_t kMmioInterruptUsedBuffer = 1;
inline constexpr uint32_t kMmioInterruptConfigChange = 2;

// Bytes of guest-physical address space a device occupies; a page, so that it can be trapped
// without its neighbours.
inline constexpr uint64_t kMmioWindowSize = 0x1000;

}  // namespace bulkhead

#endif  // BULKHEAD_VIRTIO_MMIO_REGISTERS_H_
