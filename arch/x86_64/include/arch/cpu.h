// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_X86_64_INCLUDE_ARCH_CPU_H_
#define BULKHEAD_ARCH_X86_64_INCLUDE_ARCH_CPU_H_

// One processor as the core sees it.

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

// The architecture's part of per-CPU data. The first members are read through GS.
struct Cpu {
  uint64_t kernel_stack;  // top of the stack the hypervisor runs on
  uint64_t context_end;   // just past the current thread's UserContext
  uint64_t scratch;       // entry.S
  Cpu* self;
  Vcpu* loaded_vcpu;          // whose floating-point and debug registers the CPU holds
  HostPhysical host_control;  // AMD-V: the host's VMSAVE area
  uint64_t host_deadline;     // what the core armed, in counter ticks
  uint64_t armed_deadline;    // what the timer is set to
  // Address-space tags of guests (ASID, VPID) are given out in order, and all anew when they end.
  uint64_t tag_generation;
  uint32_t next_tag;
  uint32_t index;
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
void EnterOwnAddressSpace(const BootInfo& boot, EarlyMemory& early);
HostPhysical KernelRoot();
// Where early memory may lie: what every loader maps one to one.
struct EarlyWindow {
  uint64_t start;
  uint64_t end;
};
inline EarlyWindow FindEarlyWindow(const BootInfo&) {
  return {uint64_t{1} << 20, uint64_t{4} << 30};
}
// Pages of early memory for tables, besides those of the direct map: the upper half's, the image's.
inline constexpr uint64_t kEarlyTables = 256 + 24;

// Descriptor tables, exceptions, calls, timer, virtualisation. `pages` is zeroed memory for this
// CPU's share of kCpuPages pages.
// AMD-V: host VMCB, host save; shared I/O and MSR maps. VT-x needs fewer.
inline constexpr uint64_t kCpuPages = 2 + 3 + 2;
Status InitializeCpu(Cpu& cpu, HostPhysical pages);

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
