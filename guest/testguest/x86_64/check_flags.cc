// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// RFLAGS over exits, and the instructions that interrupt.

#include <cstdint>
#include <string_view>

#include "guest/testguest/tap.h"
#include "guest/testguest/x86_64/debug_events.h"
#include "guest/testguest/x86_64/features.h"
#include "guest/testguest/x86_64/interrupts.h"
#include "guest/testguest/x86_64/processor_checks.h"
#include "guest/testguest/x86_64/user_mode.h"

namespace bulkhead::testguest {
namespace {

constexpr uint8_t kVector = 0x70;

// The vector's gate, as an error code says it (AMD APM 2, 8.4.1). QEMU's emulator counts gates of
// 16 bytes by their offset, so this looks only at the table that it names.
bool NamesGate(const Exception& got) { return (got.error & 7) == 2; }

// CF, PF, AF, ZF, SF, DF, OF, IOPL, NT, AC, ID; bit 1 is always set.
constexpr uint64_t kFlags = 0x247cd7;

void CheckKept() {
  uint64_t after = 0;
  asm volatile(
      "pushq %1; popfq\n"
      "xorl %%edi, %%edi; pushq %1; popfq\n"  // XOR changed them
      "movl $0xfec00000, %%esi\n"
      "movl $0x40000000, %%eax\n"
      "cpuid\n"
      "movl $0x80, %%edx\n"
      "outb %%al, %%dx\n"
      "movl %%edi, (%%rsi)\n"
      "movl $0x802, %%ecx\n"
      "rdmsr\n"
      "pushfq; popq %0\n"
      "pushq $2; popfq\n"
      : "=r"(after)
      : "r"(kFlags)
      : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "cc", "memory");
  CheckEqual(after, kFlags, "RFLAGS survive exits");
}

void CheckNestedTask() {
  const Exception got = Try([] {
    asm volatile(
        "pushfq; orl $0x4000, (%%rsp); popfq\n"
        "pushq $0x10; pushq %%rsp; pushfq; pushq $0x8; pushq $1f; iretq\n"
        "1:"
        :
        :
        : "memory", "cc");
  });
  CheckRaises(got, kGeneralProtectionVector, 0, "IRET with RFLAGS.NT in long mode: #GP");
}

uint64_t after_it;
uint64_t came;

#define INTERRUPTS(name, text)                                             \
  void name() {                                                            \
    asm volatile("leaq 1f(%%rip), %%rax; movq %%rax, %0\n" text "\n1: nop" \
                 : "=m"(after_it)                                          \
                 :                                                         \
                 : "rax", "memory");                                       \
  }

INTERRUPTS(Int3, "int3")
INTERRUPTS(IntN, "int $0x70")
INTERRUPTS(Int1, ".byte 0xf1")

USER_CODE(UserInt, "int $0x70; movl $0x1234, %eax")

void CheckInt1() {
  constexpr std::string_view kRaises = "INT1: #DB behind it";
  constexpr std::string_view kSays = "INT1 is no single step";
  const Exception got = Try(Int1);
  if (got.vector == kUndefinedVector) {
    Skip(kRaises, "this processor does not have INT1");
    return Skip(kSays, "this processor does not have INT1");
  }
  Check(got.vector == kDebugVector && got.rip == after_it, kRaises);
  Check((ReadDr6() & (kDebugStep | kDebugHits)) == 0, kSays);
}

void CheckSoftwareInterrupts() {
  Exception got = Try(Int3);
  Check(got.vector == kBreakpointVector && got.rip == after_it, "INT3: #BP behind it");
  CheckInt1();
  CheckRaises(Try([] { asm volatile(".byte 0xce"); }), kUndefinedVector, 0,
              "INTO in 64-bit code: #UD");
  CheckRaises(Try([] {
                asm volatile("divl %%ecx" : : "a"(1), "d"(0), "c"(0) : "cc", "memory");
              }),
              0, 0, "division by zero: #DE");

  const ScopedHandler handler(kVector, [](Frame& frame) { came = frame.rip; });
  came = 0;
  IntN();
  CheckEqual(came, after_it, "INT n: its handler returns behind it");
  came = 0;
  got = RunInUserMode(UserInt);
  Check(got.vector == kGeneralProtectionVector && NamesGate(got),
        "INT n in user mode through a gate that is not for it: #GP");
  SetGate(kVector, {.privilege = 3});
  got = RunInUserMode(UserInt);
  Check(got.vector == kUndefinedVector && got.rax == 0x1234 && came != 0,
        "INT n in user mode through one that is");
  SetGate(kVector, {.present = false});
  got = Try(IntN);
  Check(got.vector == kNotPresentVector && NamesGate(got), "INT n through no gate: #NP");
  SetGate(kVector);
}

}  // namespace

void CheckFlags() {
  CheckKept();
  CheckNestedTask();
  CheckSoftwareInterrupts();
}

}  // namespace bulkhead::testguest
