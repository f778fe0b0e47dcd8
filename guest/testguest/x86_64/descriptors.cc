// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "guest/testguest/x86_64/descriptors.h"

#include <cstddef>

namespace bulkhead::testguest {
namespace {

struct [[gnu::packed]] TaskState {
  uint32_t reserved0;
  uint64_t rsp[3];
  uint64_t reserved1;
  uint64_t interrupt_stack[7];
  uint64_t reserved2;
  uint16_t reserved3;
  uint16_t io_map;
};
static_assert(sizeof(TaskState) == 104);
static_assert(offsetof(TaskState, interrupt_stack) == 36);

constexpr size_t kStackBytes = 8192;
alignas(16) uint8_t privileged_stack[kStackBytes];
alignas(16) uint8_t interrupt_stack[kStackBytes];
TaskState task_state;
uint64_t local_table[2];

constexpr uint64_t kTaskType = 9, kLocalTableType = 2;
constexpr uint64_t kPresent = uint64_t{1} << 47;

alignas(16) uint64_t table[(kDescriptorTableLimit + 1) / 8] = {
    0,
    0x00af9b000000ffff,  // 64-bit code
    0x00cf93000000ffff,  // data
    0x00cf9b000000ffff,  // 32-bit code
    0x00009b010000ffff,  // 16-bit code, at 64 KiB
    0x000093010000ffff,  // 16-bit data, the same
    0x00cffb000000ffff,  // user mode: 32-bit code
    0x00cff3000000ffff,  // data
    0x00affb000000ffff,  // 64-bit code
};

void SetSystemSegment(uint16_t selector, uint64_t type, const void* base, uint64_t limit) {
  const auto at = reinterpret_cast<uint64_t>(base);
  table[selector / 8] =
      (limit & 0xffff) | (at & 0xffffff) << 16 | type << 40 | kPresent | (at >> 24 & 0xff) << 56;
  table[selector / 8 + 1] = at >> 32;
}

}  // namespace

void InstallDescriptors() {
  task_state.rsp[0] = reinterpret_cast<uint64_t>(privileged_stack + kStackBytes);
  for (int i = 0; i < 7; ++i) task_state.interrupt_stack[i] = InterruptStackTop();
  task_state.io_map = sizeof(task_state);
  SetSystemSegment(kTaskSelector, kTaskType, &task_state, sizeof(task_state) - 1);
  SetSystemSegment(kLocalTableSelector, kLocalTableType, local_table, sizeof(local_table) - 1);
  const DescriptorTable pointer = {kDescriptorTableLimit, reinterpret_cast<uint64_t>(table)};
  asm volatile("lgdt %0" : : "m"(pointer));
  asm volatile("ltr %w0" : : "r"(kTaskSelector));
}

uint64_t& Descriptor(uint16_t selector) { return table[selector / 8]; }

uint64_t InterruptStackTop() { return reinterpret_cast<uint64_t>(interrupt_stack + kStackBytes); }

}  // namespace bulkhead::testguest
