// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "arch/machine.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>

#include "arch/cpu.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#define BULKHEAD_FAKE_ASAN 1
#endif
#endif

namespace bulkhead::arch {
namespace fake {
namespace {

Machine* g_machine = nullptr;

void Unpoison([[maybe_unused]] void* memory, [[maybe_unused]] size_t size) {
#ifdef BULKHEAD_FAKE_ASAN
  ASAN_UNPOISON_MEMORY_REGION(memory, size);
#endif
}

}  // namespace

uintptr_t direct_map = 0;

Machine::Machine(uint64_t ram)
    : ram_(static_cast<std::byte*>(operator new(ram, std::align_val_t{kSuperpageSize}))),
      size_(ram) {
  if (g_machine != nullptr) std::abort();
  g_machine = this;
  direct_map = reinterpret_cast<uintptr_t>(ram_) - kRamStart;
}

Machine::~Machine() {
  Unpoison(ram_, size_);
  operator delete(ram_, std::align_val_t{kSuperpageSize});
  g_machine = nullptr;
  direct_map = 0;
}

bool Machine::IsRam(const void* memory, size_t size) const {
  const auto address = reinterpret_cast<uintptr_t>(memory);
  const auto start = reinterpret_cast<uintptr_t>(ram_);
  return address >= start && address - start <= size_ && size <= size_ - (address - start);
}

Machine& TheMachine() { return *g_machine; }

}  // namespace fake

void MarkFree(void* memory, size_t size) {
  // Tests of the page allocator alone have no memory behind their addresses.
  if (fake::g_machine == nullptr || !fake::g_machine->IsRam(memory, size)) return;
  fake::Unpoison(memory, size);
  std::memset(memory, 0xd5, size);
#ifdef BULKHEAD_FAKE_ASAN
  ASAN_POISON_MEMORY_REGION(memory, size);
#endif
}

void MarkUsed(void* memory, size_t size) {
  if (fake::g_machine == nullptr || !fake::g_machine->IsRam(memory, size)) return;
  fake::Unpoison(memory, size);
}

void SynchronizeCode(HostPhysical start, uint64_t bytes) {
  if (!fake::TheMachine().IsRam(ToPointer(start), bytes)) std::abort();
}

void PutChar(char c) { fake::TheMachine().log += c; }

HostPhysical KernelRoot() {
  return static_cast<HostPhysical>(fake::Machine::kRamStart - kPageSize);
}

void SetTimer(Cpu& cpu, uint64_t deadline) {
  cpu.deadline = deadline;
  fake::TheMachine().timer = deadline;
}

Result<Message> AllocateMessage(Cpu&, uint64_t) {
  fake::Machine& machine = fake::TheMachine();
  if (machine.next_vector >= kInterruptCount) return Status::kNoMemory;
  const unsigned vector = machine.next_vector++;
  return Message{0xfee0'0000, vector, vector};
}

void ActivateAddressSpace(HostPhysical root) {
  fake::Machine& machine = fake::TheMachine();
  machine.active_root = root;
  ++machine.address_space_switches;
}

void ShareKernelHalf(HostPhysical root) {
  // Present tables that are not RAM: whoever follows or frees them crashes.
  auto* entries = ToPointer<HostFormat::Entry>(root);
  for (uint64_t i = HostFormat::kTop; i < 512; ++i) {
    entries[i] = HostFormat::Table(static_cast<HostPhysical>(i << kPageShift));
  }
}

void ResumeUser(Cpu&, UserContext& context) { throw fake::BackToUser{&context}; }
void WaitForInterrupt() { throw fake::Idle{}; }
void TakeInterrupts() { ++fake::TheMachine().interrupt_windows; }

void Kick(Cpu& cpu) {
  fake::Machine& machine = fake::TheMachine();
  ++machine.kicks;
  Cpu* const sender = machine.cpu;
  machine.cpu = &cpu;
  machine.handle_kick();
  machine.cpu = sender;
}

void HaltForever() { std::abort(); }

void ResetMachine() {
  std::fprintf(stderr, "the machine was reset; its log:\n%s", fake::TheMachine().log.c_str());
  std::abort();
}

Status PowerOffMachine() { return Status::kNotSupported; }
Result<uint64_t> PortRead(uint16_t port, unsigned width) { return uint64_t{port} << 8 | width; }
Status PortWrite(uint16_t, unsigned, uint64_t value) {
  fake::TheMachine().port_value = value;
  return Status::kOk;
}

void LogContext(const UserContext&) {}
const char* FaultName(uint64_t) { return "fault"; }

}  // namespace bulkhead::arch
