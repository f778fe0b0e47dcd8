// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_FAKE_INCLUDE_ARCH_CPU_H_
#define BULKHEAD_ARCH_FAKE_INCLUDE_ARCH_CPU_H_

#include <cstdint>

#include "arch/context.h"
#include "arch/machine.h"
#include "arch/paging.h"
#include "base/address.h"
#include "base/status.h"
#include "boot/boot_info.h"
#include "boot/elf.h"

namespace bulkhead::arch {

class Vcpu;

struct Cpu {
  Vcpu* loaded_vcpu;
  uint64_t deadline;
};

void PutChar(char c);
HostPhysical KernelRoot();

inline uint64_t Now() { return fake::TheMachine().now; }
inline uint64_t CounterHz() { return 1'000'000; }
void SetTimer(Cpu& cpu, uint64_t deadline);

struct Message {
  uint64_t address;
  uint64_t data;
  unsigned vector;
};
inline constexpr unsigned kInterruptCount = 16;
Result<Message> AllocateMessage(Cpu& cpu, uint64_t device);

void ActivateAddressSpace(HostPhysical root);
void ShareKernelHalf(HostPhysical root);
template <typename Entry>
void WriteEntry(Entry* entry, Entry value) {
  *static_cast<volatile Entry*>(entry) = value;
}

[[noreturn]] void ResumeUser(Cpu& cpu, UserContext& context);  // throws fake::BackToUser
void WaitForInterrupt();                                       // throws fake::Idle
void TakeInterrupts();                                         // counts

[[noreturn]] void ResetMachine();  // aborts
Status PowerOffMachine();
Result<uint64_t> PortRead(uint16_t port, unsigned width);
Status PortWrite(uint16_t port, unsigned width, uint64_t value);

inline constexpr ElfMachine kElfMachine = ElfMachine::kX86_64;

void LogContext(const UserContext& context);
const char* FaultName(uint64_t code);

}  // namespace bulkhead::arch

#endif  // BULKHEAD_ARCH_FAKE_INCLUDE_ARCH_CPU_H_
