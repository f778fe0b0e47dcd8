// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_HYPERVISOR_NODE_LOCK_H_
#define BULKHEAD_HYPERVISOR_NODE_LOCK_H_

// The lock of everything in the core: a CPU holds it from entering the hypervisor until it goes
// back to user mode, into a guest, or to sleep. Work in between is short and bounded, and most
// exits of guests never come here (arch::Vcpu::Run answers them): one lock is enough for a
// hypervisor that does so little (as Peters, Danis, Elphinstone and Heiser found for seL4: "For a
// Microkernel, a Big Lock Is Fine", APSys 2015), and there is no order of locks to get wrong.
//
// Lock order: the node's lock, then the log's (arch/log.cc), which never waits for ever.

#include <atomic>
#include <cstdint>

namespace bulkhead {

struct Cpu;

// Fair: those who wait get it in the order in which they came.
class NodeLock {
 public:
  NodeLock() = default;
  NodeLock(const NodeLock&) = delete;
  NodeLock& operator=(const NodeLock&) = delete;

  // With interrupts off. Never by a CPU that has it.
  void Acquire(Cpu& cpu) {
    const uint32_t ticket = next_.fetch_add(1, std::memory_order_relaxed);
    if (serving_.load(std::memory_order_acquire) != ticket) [[unlikely]] Wait(cpu, ticket);
    CheckAcquired(cpu);
  }
  void Release(Cpu& cpu) {
    CheckReleased(cpu);
    serving_.store(serving_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
  // For checks: by somebody.
  bool held() const { return next_.load() != serving_.load(); }

 private:
  void Wait(Cpu& cpu, uint32_t ticket);

#ifdef NDEBUG
  void CheckAcquired(Cpu&) {}
  void CheckReleased(Cpu&) {}
#else
  void CheckAcquired(Cpu& cpu);
  void CheckReleased(Cpu& cpu);
  std::atomic<Cpu*> holder_ = nullptr;
#endif

  std::atomic<uint32_t> next_ = 0;
  std::atomic<uint32_t> serving_ = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_HYPERVISOR_NODE_LOCK_H_
