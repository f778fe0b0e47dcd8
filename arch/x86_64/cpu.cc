// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "arch/cpu.h"

#include <algorithm>
#include <cstddef>

#include "arch/vcpu.h"
#include "arch/x86_64/descriptors.h"
#include "arch/x86_64/local_apic.h"
#include "arch/x86_64/registers.h"
#include "arch/x86_64/virtualizer.h"

extern "C" void SyscallEntry();
extern "C" [[noreturn]] void ReturnToUser(bulkhead::arch::UserContext*);

namespace bulkhead::arch {

// Known to entry.S.
static_assert(offsetof(Cpu, kernel_stack) == 0);
static_assert(offsetof(Cpu, context_end) == 8);
static_assert(offsetof(Cpu, scratch) == 16);

namespace {

// Flags that SYSCALL clears: trap, interrupt, direction, nested task, alignment check.
constexpr uint64_t kSyscallFlagMask = 1 << 8 | 1 << 9 | 1 << 10 | 1 << 14 | 1 << 18;

unsigned g_next_device_vector = kFirstDeviceVector;

}  // namespace

void InitializeMachine(Cpu&, HostPhysical pages) { PrepareVirtualization(pages); }

Status InitializeCpu(Cpu& cpu) {
  cpu.self = &cpu;
  cpu.kernel_stack = StackTop(cpu.index);
  cpu.armed_deadline = ~uint64_t{0};
  cpu.host_deadline = ~uint64_t{0};
  LoadDescriptorTables(cpu);

  WriteMsr(kMsrEfer, ReadMsr(kMsrEfer) | kEferSce);
  WriteMsr(kMsrStar, uint64_t{kKernelCode} << 32 | uint64_t{kKernelData} << 48);
  WriteMsr(kMsrLstar, reinterpret_cast<uint64_t>(&SyscallEntry));
  WriteMsr(kMsrSfmask, kSyscallFlagMask);

  // User mode has no floating point: the registers belong to the guest that is loaded (TS).
  WriteCr0((ReadCr0() | kCr0Mp | kCr0Ne | kCr0Ts) & ~kCr0Em);
  const CpuidResult features = Cpuid(7);
  // Nothing of the loader's: FSGSBASE or PCE, say, would give user mode registers that no context
  // switch knows of.
  uint64_t cr4 = kCr4Pae | kCr4Pge | kCr4Mce | kCr4Osfxsr | kCr4Osxmmexcpt;
  if ((Cpuid(1).ecx & (1 << 26)) != 0) cr4 |= kCr4Osxsave;
  if ((features.ebx & (1 << 7)) != 0) cr4 |= kCr4Smep;
  if ((features.ebx & (1 << 20)) != 0) cr4 |= kCr4Smap;
  if ((features.ecx & (1 << 2)) != 0) cr4 |= kCr4Umip;
  WriteCr4(cr4);

  InitializeLocalApic();
  cpu.hardware_id = LocalApicId();
  return EnableVirtualization(cpu);
}

Cpu& CurrentCpu() {
  Cpu* cpu;
  asm("movq %%gs:%c1, %0" : "=r"(cpu) : "i"(offsetof(Cpu, self)));
  return *cpu;
}

void UserContext::Start(uint64_t entry, uint64_t stack, uint64_t argument) {
  *this = {};
  rip = entry;
  rsp = stack;
  rdi = argument;
  cs = kUserCode;
  ss = kUserData;
  rflags = kRflagsIf;
}

void SetTimer(Cpu& cpu, uint64_t deadline) {
  cpu.host_deadline = deadline;
  if (cpu.armed_deadline == deadline) return;
  cpu.armed_deadline = deadline;
  ProgramTimer(deadline);
}

Result<Message> AllocateMessage(Cpu&, uint64_t) {
  if (g_next_device_vector >= kTimerVector) return Status::kNoMemory;
  const unsigned vector = g_next_device_vector++;
  // Fixed delivery to this CPU (AMD APM 2, 16.11).
  return Message{0xfee00000 | uint64_t{LocalApicId()} << 12, vector, vector};
}

void ResumeUser(Cpu& cpu, UserContext& context) {
  cpu.context_end = reinterpret_cast<uint64_t>(&context) + sizeof(UserContext);
  cpu.task_state.rsp[0] = cpu.context_end;  // where the processor pushes when it leaves user mode
  ReturnToUser(&context);
}

void WaitForInterrupt() {
  // STI takes effect after HLT has begun: no interrupt is lost in between (AMD APM 3, STI).
  asm volatile("sti; hlt; cli" : : : "memory");
}

void Kick(Cpu& cpu) { SendInterprocessor(cpu.hardware_id, kKickVector); }

void HaltForever() {
  for (;;) asm volatile("cli; hlt");
}

void TakeInterrupts() {
  // STI takes effect after the instruction that follows it.
  asm volatile("sti; nop; cli" : : : "memory");
}

}  // namespace bulkhead::arch
