// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_AARCH64_INCLUDE_ARCH_CPU_H_
#define BULKHEAD_ARCH_AARCH64_INCLUDE_ARCH_CPU_H_

// One processor as the core sees it.

#include <array>
#include <cstdint>

#include "arch/context.h"
#include "arch/paging.h"
#include "base/address.h"
#include "base/status.h"
#include "boot/boot_info.h"
#include "boot/elf.h"

namespace bulkhead::arch {

class Vcpu;

// Pages that a CPU keeps: none besides its own memory.
inline constexpr uint64_t kCpuPages = 0;

// The architecture's part of per-CPU data. TPIDR_EL2 points here.
struct Cpu {
  uint64_t kernel_stack = 0;    // top of the stack the hypervisor runs on; known to entry.S
  Vcpu* loaded_vcpu = nullptr;  // whose EL1 and vector registers the CPU holds
  uint64_t armed_deadline = 0;
  uint64_t redistributor = 0;  // its registers, mapped
  uint64_t hardware_id = 0;    // the affinities of its MPIDR
  uint32_t index = 0;          // of its stack and area
  std::array<HostPhysical, kCpuPages> pages = {};
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
// Where early memory may lie: what the entry mapped as memory.
struct EarlyWindow {
  uint64_t start;
  uint64_t end;
};
EarlyWindow FindEarlyWindow(const BootInfo& boot);
// Pages of early memory for tables, besides those of the direct map.
inline constexpr uint64_t kEarlyTables = 32;
void EnterOwnAddressSpace(const BootInfo& boot, EarlyMemory& early);
// Maps nothing in the lower half.
HostPhysical KernelRoot();
// Whose tables map the hypervisor.
HostPhysical HypervisorRoot();

// What there is once, on the first CPU, before InitializeCpu. `pages`: kMachinePages zeroed pages,
// its own from then on: tables of the interrupt controller.
inline constexpr uint64_t kMachinePages = 64;
void InitializeMachine(Cpu& cpu, HostPhysical pages);
// Exceptions, interrupts, timer, virtualisation of the CPU this runs on. Cpu::index is set.
Status InitializeCpu(Cpu& cpu);

// Other processors, by PSCI. Whether this machine can start any.
inline bool CanStartCpus() { return true; }
// Has the processor with cpu.hardware_id come to EnterStartedCpu (arch/upcalls.h), on a stack below
// StackTop(cpu.index). One at a time: the next only after the last has come or never will.
Status StartCpu(Cpu& cpu);
[[noreturn]] void HaltForever();
// Has HandleKick called on another CPU, soon: it leaves what it runs for that.
void Kick(Cpu& cpu);
// In a loop that waits for another CPU.
inline void Pause() { asm volatile("yield"); }

// The machine's counter, and how many of its ticks make a second.
uint64_t Now();
uint64_t CounterHz();
// Has HandleTimer called once Now() >= deadline; ~0: not at all.
void SetTimer(Cpu& cpu, uint64_t deadline);

// Gives out an interrupt for a device's message; what the device writes, and where. `device`: its
// requester id. kNotSupported: no ITS, or not for such an id.
struct Message {
  uint64_t address;
  uint64_t data;
  unsigned vector;
};
inline constexpr unsigned kInterruptCount = 256;
Result<Message> AllocateMessage(Cpu& cpu, uint64_t device);

// Makes `root` the current address space of user mode.
void ActivateAddressSpace(HostPhysical root);
// The hypervisor has a table of its own.
inline void ShareKernelHalf(HostPhysical) {}
// Writes a page-table entry so that a walk that starts later finds it (Arm ARM D8.14.1).
template <typename Entry>
void WriteEntry(Entry* entry, Entry value) {
  *static_cast<volatile Entry*>(entry) = value;
  asm volatile("dsb ishst" : : : "memory");
}

// Returns to a user thread.
[[noreturn]] void ResumeUser(Cpu& cpu, UserContext& context);
// Waits for an interrupt, takes it, returns.
void WaitForInterrupt();
// Takes the interrupts that are pending, and returns. The hypervisor runs with interrupts masked.
void TakeInterrupts();

// Of programs in user mode.
inline constexpr ElfMachine kElfMachine = ElfMachine::kAarch64;

// The CPU this code runs on.
Cpu& CurrentCpu();

[[noreturn]] void ResetMachine();
// Returns only when the firmware has no such call.
Status PowerOffMachine();
// There are no I/O ports.
inline Result<uint64_t> PortRead(uint16_t, unsigned) { return Status::kNotSupported; }
inline Status PortWrite(uint16_t, unsigned, uint64_t) { return Status::kNotSupported; }

// Writes a user thread's registers to the log; what a FaultCode is called.
void LogContext(const UserContext& context);
const char* FaultName(uint64_t code);

}  // namespace bulkhead::arch

#endif  // BULKHEAD_ARCH_AARCH64_INCLUDE_ARCH_CPU_H_
