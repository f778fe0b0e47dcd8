// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_DRIVERS_AARCH64_MACHINE_DMA_BARRIER_H_
#define BULKHEAD_DRIVERS_AARCH64_MACHINE_DMA_BARRIER_H_

// Order between this CPU and a device that reads and writes memory coherently. See the contract in
// drivers/platform.h.
//
// The fences of C++ become DMB ISH, which orders for the processors; a device may be beyond their
// shareability domain, so these are of the outer shareable one, with the kinds of access that each
// promises (Arm ARM DDI 0487, B2.3.12 and C6.2, DMB).

namespace bulkhead {

inline void DmaAcquire() { asm volatile("dmb oshld" ::: "memory"); }
// Not OSHST: what was read from a buffer must be read before the device gets it back.
inline void DmaRelease() { asm volatile("dmb osh" ::: "memory"); }
inline void DmaFence() { asm volatile("dmb osh" ::: "memory"); }

}  // namespace bulkhead

#endif  // BULKHEAD_DRIVERS_AARCH64_MACHINE_DMA_BARRIER_H_
