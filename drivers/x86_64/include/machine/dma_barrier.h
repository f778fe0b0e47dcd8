// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_DRIVERS_X86_64_MACHINE_DMA_BARRIER_H_
#define BULKHEAD_DRIVERS_X86_64_MACHINE_DMA_BARRIER_H_

// Order between this CPU and a device that reads and writes memory coherently. See the contract in
// drivers/platform.h.

#include <atomic>

namespace bulkhead {

// Loads are not reordered with loads, nor stores with older loads and stores, in write-back memory
// and against uncached memory (Intel SDM 3A, 9.2.2; AMD APM 2, 7.1.3): the compiler is all there is
// to hold back.
inline void DmaAcquire() { std::atomic_signal_fence(std::memory_order_acq_rel); }
inline void DmaRelease() { std::atomic_signal_fence(std::memory_order_acq_rel); }
// A load can pass an older store.
inline void DmaFence() { std::atomic_thread_fence(std::memory_order_seq_cst); }

}  // namespace bulkhead

#endif  // BULKHEAD_DRIVERS_X86_64_MACHINE_DMA_BARRIER_H_
