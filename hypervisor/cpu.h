// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_HYPERVISOR_CPU_H_
#define BULKHEAD_HYPERVISOR_CPU_H_

// What the hypervisor keeps for each of the machine's processors.

#include <atomic>
#include <cstdint>

#include "arch/cpu.h"
#include "hypervisor/scheduler.h"
#include "hypervisor/timeouts.h"
#include "hypervisor/trace.h"

namespace bulkhead {

class Process;
struct Cpu;

// Something that only the CPU itself can do, while it is in the hypervisor.
using CrossCall = void (*)(Cpu& cpu, void* argument);

// The architecture's part comes first: its register for per-CPU data points there.
struct Cpu : arch::Cpu {
  Scheduler scheduler;
  Timeouts timeouts;
  Trace trace;
  Process* space = nullptr;  // whose address space is active; null: the hypervisor's own

  // cross_call.h.
  std::atomic<CrossCall> call = nullptr;
  void* call_argument = nullptr;

  // Another CPU starts this one, and gives up at some time: who comes first decides.
  enum class Start : uint32_t { kAwaited, kRunning, kGivenUp };
  std::atomic<Start> start = Start::kAwaited;
};

inline Cpu& ThisCpu() { return static_cast<Cpu&>(arch::CurrentCpu()); }

}  // namespace bulkhead

#endif  // BULKHEAD_HYPERVISOR_CPU_H_
