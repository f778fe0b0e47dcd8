// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "arch/x86_64/descriptors.h"

#include <array>
#include <cstddef>

#include "arch/x86_64/registers.h"

extern "C" char InterruptStubs[];

namespace bulkhead::arch {
namespace {

struct [[gnu::packed]] Gate {
  uint16_t offset_low;
  uint16_t selector;
  uint8_t ist;
  uint8_t type;
  uint16_t offset_middle;
  uint32_t offset_high;
  uint32_t reserved;
};
static_assert(sizeof(Gate) == 16);

struct [[gnu::packed]] TablePointer {
  uint16_t limit;
  uint64_t base;
};

constexpr uint64_t kStubSize = 16;
constexpr uint8_t kInterruptGate = 0x8e;
std::array<Gate, 256> g_gates;

void FillGates() {
  for (unsigned vector = 0; vector < g_gates.size(); ++vector) {
    const uint64_t stub = reinterpret_cast<uint64_t>(InterruptStubs) + vector * kStubSize;
    const uint8_t ist = vector == 2 ? 1 : vector == 8 ? 2 : vector == 18 ? 3 : 0;
    g_gates[vector] = {static_cast<uint16_t>(stub),
                       kKernelCode,
                       ist,
                       kInterruptGate,
                       static_cast<uint16_t>(stub >> 16),
                       static_cast<uint32_t>(stub >> 32),
                       0};
  }
}

TablePointer SegmentTable(const Cpu& cpu) {
  return {sizeof(cpu.segments) - 1, reinterpret_cast<uint64_t>(cpu.segments.data())};
}

}  // namespace

DescriptorTables DescriptorTablesOf(const Cpu& cpu) {
  return {reinterpret_cast<uint64_t>(cpu.segments.data()),
          reinterpret_cast<uint64_t>(g_gates.data()), reinterpret_cast<uint64_t>(&cpu.task_state)};
}

void ReloadSegmentTable(const Cpu& cpu) {
  const TablePointer gdt = SegmentTable(cpu);
  asm volatile("lgdt %0" : : "m"(gdt));
}

void LoadDescriptorTables(Cpu& cpu) {
  for (size_t i = 0; i < cpu.emergency_stacks.size(); ++i) {
    cpu.task_state.ist[i] =
        reinterpret_cast<uint64_t>(cpu.emergency_stacks[i].data()) + Cpu::kEmergencyStackBytes;
  }
  cpu.task_state.io_map = sizeof(TaskState);  // no ports for user mode
  const auto base = reinterpret_cast<uint64_t>(&cpu.task_state);
  cpu.segments = {
      0,
      0x00af9a000000ffff,  // kernel code, 64 bit
      0x00cf92000000ffff,  // kernel data
      0x00cff2000000ffff,  // user data
      0x00affa000000ffff,  // user code, 64 bit
      (sizeof(TaskState) - 1) | (base & 0xffffff) << 16 | uint64_t{0x89} << 40 |
          ((base >> 24) & 0xff) << 56,
      base >> 32,
  };
  FillGates();

  const TablePointer gdt = SegmentTable(cpu);
  const TablePointer idt = {sizeof(g_gates) - 1, reinterpret_cast<uint64_t>(g_gates.data())};
  asm volatile(
      "lgdt %0\n"
      "lidt %1\n"
      "pushq %2\n"
      "leaq 1f(%%rip), %%rax\n"
      "pushq %%rax\n"
      "lretq\n"
      "1: mov %3, %%ss\n"
      "mov %4, %%ds\n"
      "mov %4, %%es\n"
      "mov %4, %%fs\n"
      "mov %4, %%gs\n"
      "ltr %w5\n"
      :
      : "m"(gdt), "m"(idt), "i"(kKernelCode), "r"(kKernelData), "r"(0), "r"(kTaskState)
      : "rax", "memory");
  WriteMsr(kMsrGsBase, reinterpret_cast<uint64_t>(&cpu));
  WriteMsr(kMsrKernelGsBase, 0);
}

}  // namespace bulkhead::arch
