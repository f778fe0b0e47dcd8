// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_FAKE_INCLUDE_ARCH_CPU_H_
#define BULKHEAD_ARCH_FAKE_INCLUDE_ARCH_CPU_H_

#include <array>
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

inline constexpr uint64_t kCpuPages = 1;

struct Cpu {
  Vcpu* loaded_vcpu = nullptr;
  uint64_t deadline = 0;
  uint64_t hardware_id = 0;
  uint32_t index = 0;
  std::array<HostPhysical, kCpuPages> pages = {};
};

// The one whose code the test runs at the moment.
inline Cpu& CurrentCpu() { return *fake::TheMachine().cpu; }
// Has HandleKick called on another CPU, at once.
void Kick(Cpu& cpu);
inline void Pause() {}

// There is no second processor to start; tests make them (testing/fake_node.h).
inline bool CanStartCpus() { return false; }
inline Status StartCpu(Cpu&) { return Status::kNotSupported; }
inline Status InitializeCpu(Cpu&) { return Status::kOk; }
[[noreturn]] void HaltForever();  // aborts
inline constexpr uint64_t kStackBytes = 4096;
inline constexpr uint64_t kStackStride = 64 * 1024;
constexpr uint64_t CpuArea(uint64_t cpu) { return cpu * kStackStride; }
constexpr uint64_t StackTop(uint64_t cpu) { return (cpu + 1) * kStackStride; }

void PutChar(char c);
HostPhysical KernelRoot();
inline HostPhysical HypervisorRoot() { return KernelRoot(); }

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
