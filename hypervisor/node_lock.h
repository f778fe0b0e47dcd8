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

// Whoever comes first when it is free gets it. An order among those who wait would be fairer, and a
// disaster where the processors are virtual, as in an emulator: the lock would go to one that is
// not running at the moment while others that could have it spin.
class NodeLock {
 public:
  NodeLock() = default;
  NodeLock(const NodeLock&) = delete;
  NodeLock& operator=(const NodeLock&) = delete;

  // With interrupts off. Never by a CPU that has it.
  void Acquire(Cpu& cpu) {
    if (held_.exchange(1, std::memory_order_acquire) != 0) [[unlikely]]
      Wait(cpu);
    CheckAcquired(cpu);
  }
  void Release(Cpu& cpu) {
    CheckReleased(cpu);
    held_.store(0, std::memory_order_release);
  }

 private:
  void Wait(Cpu& cpu);

#ifdef NDEBUG
  void CheckAcquired(Cpu&) {}
  void CheckReleased(Cpu&) {}
#else
  void CheckAcquired(Cpu& cpu);
  void CheckReleased(Cpu& cpu);
  std::atomic<Cpu*> holder_ = nullptr;
#endif

  std::atomic<uint32_t> held_ = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_HYPERVISOR_NODE_LOCK_H_
