// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_X86_64_INCLUDE_ARCH_CPU_H_
#define BULKHEAD_ARCH_X86_64_INCLUDE_ARCH_CPU_H_

// One processor as the core sees it.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "arch/context.h"
#include "arch/paging.h"
#include "base/address.h"
#include "base/status.h"
#include "boot/boot_info.h"
#include "boot/elf.h"

namespace bulkhead::arch {

class Vcpu;

// AMD APM 2, 12.2.5.
struct [[gnu::packed]] TaskState {
  uint32_t reserved0 = 0;
  uint64_t rsp[3] = {};
  uint64_t reserved1 = 0;
  uint64_t ist[7] = {};
  uint64_t reserved2 = 0;
  uint16_t reserved3 = 0;
  uint16_t io_map = 0;
};
static_assert(sizeof(TaskState) == 104);

// Zeroed pages that a CPU keeps. AMD-V: host VMCB, host save; VT-x needs one.
inline constexpr uint64_t kCpuPages = 2;

// The architecture's part of per-CPU data. The first members are read through GS.
struct Cpu {
  uint64_t kernel_stack = 0;  // top of the stack the hypervisor runs on
  uint64_t context_end = 0;   // just past the current thread's UserContext
  uint64_t scratch = 0;       // entry.S
  Cpu* self = nullptr;
  Vcpu* loaded_vcpu = nullptr;     // whose floating-point and debug registers the CPU holds
  HostPhysical host_control = {};  // AMD-V: the host's VMSAVE area
  uint64_t host_deadline = 0;      // what the core armed, in counter ticks
  uint64_t armed_deadline = 0;     // what the timer is set to
  // Address-space tags of guests (ASID, VPID) are given out in order, and all anew when they end.
  uint64_t tag_generation = 0;
  uint32_t next_tag = 0;
  uint32_t index = 0;        // of its stack and area
  uint64_t hardware_id = 0;  // of its local APIC
  std::array<HostPhysical, kCpuPages> pages = {};
  TaskState task_state;
  std::array<uint64_t, 7> segments = {};
  // NMI, double fault, machine check: each on its own stack, whatever state the hypervisor is in.
  static constexpr uint64_t kEmergencyStackBytes = 4096;
  alignas(16) std::array<std::array<std::byte, kEmergencyStackBytes>, 3> emergency_stacks = {};
};

// Prints one character on the log. Usable from the first instruction.
void InitializeConsole(const BootInfo& boot);
void PutChar(char c);

// Builds the hypervisor's own page tables and switches to them. `early` is RAM of the hypervisor
// that is still mapped one to one; tables are taken from it, the rest of it is returned.
struct EarlyMemory {
  uint64_t next;  // physical
  uint64_t end;
  HostPhysical Take(uint64_t pages);  // zeroed; runs out: fatal
};
// What it needs of usable memory it takes out of `boot`.
void EnterOwnAddressSpace(BootInfo& boot, EarlyMemory& early);
HostPhysical KernelRoot();
// Whose tables map the hypervisor.
inline HostPhysical HypervisorRoot() { return KernelRoot(); }
// Where early memory may lie: what every loader maps one to one.
struct EarlyWindow {
  uint64_t start;
  uint64_t end;
};
inline EarlyWindow FindEarlyWindow(const BootInfo&) {
  return {uint64_t{1} << 20, uint64_t{4} << 30};
}
// Pages of early memory for tables, besides those of the direct map: the upper half's, the image's,
// those with which other processors start.
inline constexpr uint64_t kEarlyTables = 256 + 28;

// What there is once, on the first CPU, before InitializeCpu. `pages`: kMachinePages zeroed pages,
// its own from then on: what guests' I/O ports and MSRs are let through.
inline constexpr uint64_t kMachinePages = 3 + 2;
void InitializeMachine(Cpu& cpu, HostPhysical pages);
// Descriptor tables, exceptions, calls, timer, virtualisation of the CPU this runs on. Cpu::pages
// and Cpu::index are set.
Status InitializeCpu(Cpu& cpu);

// Other processors. Whether this machine can start any.
bool CanStartCpus();
// Has the processor with cpu.hardware_id come to EnterStartedCpu (arch/upcalls.h), on a stack below
// StackTop(cpu.index). One at a time: the next only after the last has come or never will.
Status StartCpu(Cpu& cpu);
[[noreturn]] void HaltForever();
// Has HandleKick called on another CPU, soon: it leaves what it runs for that.
void Kick(Cpu& cpu);
// In a loop that waits for another CPU.
inline void Pause() { asm volatile("pause"); }

// The machine's counter, and how many of its ticks make a second.
uint64_t Now();
uint64_t CounterHz();
// Has HandleTimer called once Now() >= deadline; ~0: not at all.
void SetTimer(Cpu& cpu, uint64_t deadline);

// Gives out an interrupt vector for a device's message; what the device writes, and where.
// `device`: its requester id.
struct Message {
  uint64_t address;
  uint64_t data;
  unsigned vector;
};
inline constexpr unsigned kInterruptCount = 256;
Result<Message> AllocateMessage(Cpu& cpu, uint64_t device);

// Makes `root` the current address space.
void ActivateAddressSpace(HostPhysical root);
// Gives a process's empty root table the hypervisor's part.
void ShareKernelHalf(HostPhysical root);
// Writes a page-table entry.
template <typename Entry>
void WriteEntry(Entry* entry, Entry value) {
  *static_cast<volatile Entry*>(entry) = value;
}

// Returns to a user thread.
[[noreturn]] void ResumeUser(Cpu& cpu, UserContext& context);
// Waits for an interrupt, takes it, returns.
void WaitForInterrupt();
// Takes the interrupts that are pending, and returns. The hypervisor runs with interrupts off: a
// loop that neither enters user mode nor waits has to call this.
void TakeInterrupts();

// Of programs in user mode.
inline constexpr ElfMachine kElfMachine = ElfMachine::kX86_64;

// The CPU this code runs on. Not to be used while a guest's state is loaded.
Cpu& CurrentCpu();

[[noreturn]] void ResetMachine();
// kNotSupported: not a thing the hypervisor can do here. Returns only then.
Status PowerOffMachine();
// Where the architecture has no I/O ports: kNotSupported.
Result<uint64_t> PortRead(uint16_t port, unsigned width);
Status PortWrite(uint16_t port, unsigned width, uint64_t value);

// Writes a user thread's registers to the log; what a FaultCode is called.
void LogContext(const UserContext& context);
const char* FaultName(uint64_t code);

}  // namespace bulkhead::arch

#endif  // BULKHEAD_ARCH_X86_64_INCLUDE_ARCH_CPU_H_
