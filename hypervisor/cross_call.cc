// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "hypervisor/cross_call.h"

#include "arch/log.h"

namespace bulkhead {
namespace {

// So much only because a machine may be virtual itself, and not run this CPU for a while.
constexpr uint64_t kPatienceSeconds = 10;

}  // namespace

void RunOn(Cpu& cpu, CrossCall work, void* argument) {
  if (&cpu == &ThisCpu()) {
    work(cpu, argument);
    return;
  }
  cpu.call_argument = argument;
  cpu.call.store(work, std::memory_order_release);
  arch::Kick(cpu);
  const uint64_t begin = arch::Now();
  while (cpu.call.load(std::memory_order_acquire) != nullptr) {
    arch::Pause();
    if (arch::Now() - begin > kPatienceSeconds * arch::CounterHz()) {
      Fatal("a processor does not answer another one");
    }
  }
}

void ServeCrossCall(Cpu& cpu) {
  const CrossCall work = cpu.call.load(std::memory_order_acquire);
  if (work == nullptr) return;
  work(cpu, cpu.call_argument);
  cpu.call.store(nullptr, std::memory_order_release);
}

void Reschedule(Cpu& cpu) {
  // Not settled: it is in the hypervisor and will choose, or was kicked before.
  const bool kick = cpu.scheduler.settled() && &cpu != &ThisCpu();
  cpu.scheduler.Unsettle();
  if (kick) arch::Kick(cpu);
}

}  // namespace bulkhead
