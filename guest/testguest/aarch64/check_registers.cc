// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <cstddef>
#include <cstring>

#include "guest/testguest/aarch64/cpu.h"
#include "guest/testguest/aarch64/registers.h"
#include "guest/testguest/checks.h"
#include "guest/testguest/tap.h"
#include "vmm/aarch64/layout.h"
#include "vmm/aarch64/smccc.h"

namespace bulkhead::testguest {
namespace {

// Exits of every kind: firmware call, device, system register.
#define EXITS                   \
  "movz x0, #0x8400, lsl #16\n" \
  "hvc #0\n"                    \
  "movz x0, #0x0800, lsl #16\n" \
  "ldr w1, [x0, #4]\n"          \
  "str w1, [x0, #4]\n"          \
  "mrs x2, id_aa64pfr0_el1\n"

void TakeExits() { asm volatile(EXITS : : : "x0", "x1", "x2", "x3", "memory"); }

// X4 to X29 but the platform register: the exits are made with those below.
uint64_t general_after[26];

void CheckGeneral() {
  asm volatile(
      "stp x29, x30, [sp, #-16]!\n"
      ".irp n, 4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30\n"
      "movz x\\n, #\\n\n"
      "movk x\\n, #0x5a5a, lsl #48\n"
      ".endr\n" EXITS
      "mov x0, #0\n"
      ".irp n, 4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30\n"
      "movz x1, #\\n\n"
      "movk x1, #0x5a5a, lsl #48\n"
      "eor x1, x1, x\\n\n"
      "orr x0, x0, x1\n"
      ".endr\n"
      "ldp x29, x30, [sp], #16\n"
      "adrp x1, %[after]\n"
      "str x0, [x1, :lo12:%[after]]\n"
      :
      : [after] "S"(general_after)
      : "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",
        "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26",
        "x27", "x28", "memory", "cc");
  CheckEqual(general_after[0], 0, "general registers survive exits");
}

void CheckFlags() {
  uint64_t flags = 0;
  asm volatile("msr nzcv, %1\n" EXITS "mrs %0, nzcv"
               : "=r"(flags)
               : "r"(uint64_t{0xa000'0000})
               : "x0", "x1", "x2", "x3", "memory", "cc");
  CheckEqual(flags, 0xa000'0000, "flags survive exits");
}

// What can be written may be less than the mark: what is read back before is what must be there
// after. Nothing that may raise an exception comes in between.
void CheckSystemRegisters() {
  struct Values {
    const char* name;
    uint64_t saved, before, after;
  };
  static Values values[] = {
#define ENTRY(name, mark) {name, 0, 0, 0},
      EACH_MARKED_REGISTER(ENTRY)
#undef ENTRY
  };
  size_t i = 0;
#define WRITE(name, mark)                                               \
  asm volatile("mrs %0, " name "; msr " name ", %2; isb; mrs %1, " name \
               : "=&r"(values[i].saved), "=&r"(values[i].before)        \
               : "r"(uint64_t{mark}));                                  \
  ++i;
  EACH_MARKED_REGISTER(WRITE)
#undef WRITE
  TakeExits();
  i = 0;
#define READ(name, mark)                                 \
  asm volatile("mrs %0, " name "; msr " name ", %1; isb" \
               : "=&r"(values[i].after)                  \
               : "r"(values[i].saved));                  \
  ++i;
  EACH_MARKED_REGISTER(READ)
#undef READ
  for (const Values& value : values) {
    Line line;
    line << value.name << " survives exits";
    CheckEqual(value.after, value.before, line.view());
  }
}

alignas(16) uint8_t vectors_before[32][16];
alignas(16) uint8_t vectors_after[32][16];

void CheckVectors() {
  for (int i = 0; i < 32; ++i) {
    for (int k = 0; k < 16; ++k) vectors_before[i][k] = static_cast<uint8_t>(i * 16 + k + 7);
  }
#define LOAD(n) \
  asm volatile(".arch_extension fp; ldr q" #n ", [%0]" : : "r"(vectors_before[n]) : "memory");
  EACH_VECTOR(LOAD)
#undef LOAD
  TakeExits();
#define STORE(n) \
  asm volatile(".arch_extension fp; str q" #n ", [%0]" : : "r"(vectors_after[n]) : "memory");
  EACH_VECTOR(STORE)
#undef STORE
  Check(std::memcmp(vectors_before, vectors_after, sizeof(vectors_before)) == 0,
        "vector registers survive exits");
}

}  // namespace

void CheckRegisters() {
  CheckGeneral();
  CheckFlags();
  CheckSystemRegisters();
  CheckVectors();
}

}  // namespace bulkhead::testguest
