// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Starting the other processors (Arm DEN0022, 5.6: CPU_ON).

#include "arch/aarch64/start_cpu.h"

#include "arch/aarch64/psci.h"
#include "arch/upcalls.h"

// boot/aarch64/start.S.
extern "C" void StartOther();

namespace bulkhead::arch {
namespace {

Cpu* g_starting;

}  // namespace

Status StartCpu(Cpu& cpu) {
  g_starting = &cpu;
  const HostPhysical entry = ImagePhysical(reinterpret_cast<const void*>(&StartOther));
  const uint64_t answer = CallPsci(kPsciCpuOn, cpu.hardware_id, Raw(entry), 0);
  return answer == kPsciSuccess ? Status::kOk : Status::kNotSupported;
}

void HaltForever() {
  for (;;) asm volatile("wfi");
}

// Called by StartOther on a stack that is gone with it: returns the one that follows.
extern "C" uint64_t AdoptStack() {
  AdoptAddressSpace();
  return StackTop(g_starting->index);
}

extern "C" [[noreturn]] void StartedCpu() { EnterStartedCpu(*g_starting); }

}  // namespace bulkhead::arch
