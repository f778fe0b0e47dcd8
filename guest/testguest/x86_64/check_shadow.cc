// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// When an interrupt that waits is taken: STI and MOV to SS hold it back for an instruction, also
// one that exits (AMD APM 2, 15.21.5; Intel SDM 3A, 6.8.3).

#include <cstdint>
#include <string_view>

#include "guest/testguest/tap.h"
#include "guest/testguest/x86_64/control_registers.h"
#include "guest/testguest/x86_64/debug_events.h"
#include "guest/testguest/x86_64/interrupts.h"
#include "guest/testguest/x86_64/processor_checks.h"

namespace bulkhead::testguest {
namespace {

constexpr uint8_t kVector = 0x50;
constexpr uint8_t kLowVector = 0x20;
constexpr uint32_t kSelfIpi = 0x83f, kTimer = 0x832, kTscDeadline = 0x6e0, kTaskPriority = 0x808;

uint64_t expected;
uint64_t came_at;
uint64_t came;

void Record(Frame& frame) {
  came_at = frame.rip;
  came = came + 1;
  EndOfInterrupt();
}

#define CLOBBERS "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "memory", "cc"

// With an interrupt waiting; it should come at label 2.
#define WAITING(name, setup, text)                          \
  void name() {                                             \
    asm volatile(setup                                      \
                 "\nleaq 2f(%%rip), %%r8\n"                 \
                 "movq %%r8, %0\n" text "\nnop; nop; cli\n" \
                 : "=m"(expected)                           \
                 :                                          \
                 : CLOBBERS);                               \
  }

WAITING(StiNop, "", "sti; nop; 2:")
WAITING(StiCpuid, "xorl %%eax, %%eax; xorl %%ecx, %%ecx", "sti; cpuid; 2:")
WAITING(StiOut, "", "sti; outb %%al, $0x80; 2:")
WAITING(StiDevice, "movl $0xfec00000, %%ecx; xorl %%eax, %%eax", "sti; movl %%eax, (%%rcx); 2:")
WAITING(StiX2apic, "movl $0x802, %%ecx", "sti; rdmsr; 2:")
WAITING(StiMsr, "movl $0x1b, %%ecx", "sti; rdmsr; 2:")
WAITING(StiHlt, "", "sti; hlt; 2:")
WAITING(StiTwice, "", "sti; sti; 2:")
WAITING(Popf, "pushfq; orl $0x200, (%%rsp)", "popfq; 2:")

// Where the interrupt came. QEMU's VMRUN does not load the interrupt shadow, which shows when an
// interrupt of the machine's own ends the guest's run just then. So what was not as it should is
// tried again; a timer ends an HLT that the interrupt came before.
uint64_t CameAt(void (*code)()) {
  constexpr int kAttempts = 5;
  constexpr uint64_t kLong = 50'000'000;
  WriteMsr(kTimer, 2 << 17 | kLowVector);
  for (int i = 0; i < kAttempts; ++i) {
    came = came_at = 0;
    WriteMsr(kTscDeadline, ReadTsc() + kLong);
    WriteMsr(kSelfIpi, kVector);
    code();
    if (came == 1 && came_at == expected) break;
  }
  WriteMsr(kTscDeadline, 0);
  return came == 1 ? came_at : ~came;
}

// One that comes behind the next STI; with `came_early` it came before.
bool came_early;

void StiCli() {
  asm volatile("sti; cli; nop" : : : "memory");
  came_early = came != 0;
  asm volatile(
      "leaq 2f(%%rip), %%rax\n"
      "movq %%rax, %0\n"
      "sti; nop; 2: cli"
      : "=m"(expected)
      :
      : "rax", "memory");
}

void CheckSti() {
  struct {
    void (*code)();
    std::string_view what;
  } static constexpr kCases[] = {
      {StiNop, "STI, NOP: the interrupt comes behind it"},
      {StiCpuid, "STI, CPUID: the interrupt comes behind it"},
      {StiOut, "STI, OUT: the interrupt comes behind it"},
      {StiDevice, "STI, store to a device: the interrupt comes behind it"},
      {StiX2apic, "STI, RDMSR of the x2APIC: the interrupt comes behind it"},
      {StiMsr, "STI, RDMSR: the interrupt comes behind it"},
      {StiHlt, "STI, HLT: the interrupt comes behind it"},
      {StiTwice, "STI, STI: the second holds nothing back"},
      {Popf, "POPF: the interrupt comes at once"},
  };
  for (const auto& [code, what] : kCases) {
    const uint64_t at = CameAt(code);
    CheckEqual(at, expected, what);
  }
  const uint64_t at = CameAt(StiCli);
  Check(at == expected && !came_early, "STI, CLI: the interrupt waits for the next STI");
}

#define LOWER(name, setup, text)                                                                  \
  void name() {                                                                                   \
    asm volatile(                                                                                 \
        "leaq 2f(%%rip), %%r8\nmovq %%r8, %0\n"                                                   \
        "xorl %%eax, %%eax; xorl %%edx, %%edx\n" setup "\nsti; nop\n" text "\n2: nop; nop; cli\n" \
        : "=m"(expected)                                                                          \
        :                                                                                         \
        : CLOBBERS);                                                                              \
  }

LOWER(LowerX2apic, "movl $0x808, %%ecx", "wrmsr")
LOWER(LowerCr8, "", "movq %%rax, %%cr8")

bool HoldsBack(uint64_t priority) {
  came = came_at = 0;
  WriteMsr(kTaskPriority, priority << 4);
  WriteMsr(kSelfIpi, kVector);
  asm volatile("sti; nop; nop; cli" : : : "memory");
  return came == 0 && ReadCr8() == priority;
}

// CR8 and the x2APIC's task priority are one (AMD APM 2, 16.6.4). What it holds back comes when it
// is lowered. QEMU's emulator stops when CR8 is written while an interrupt waits, and takes one of
// CR8's own class for a higher one, with which the guest, that must not get it, goes nowhere.
void CheckTaskPriority() {
  constexpr std::string_view kOwnClass = "CR8 holds back an interrupt of its own class";
  constexpr std::string_view kLowered = "writing CR8 lets it come at once";
  Check(HoldsBack((kVector >> 4) + 1), "CR8 holds back an interrupt of a lower class");
  LowerX2apic();
  CheckEqual(came == 1 ? came_at : ~came, expected,
             "writing the task priority lets it come at once");
  CheckEqual(ReadCr8(), 0, "and CR8 shows that");
  if (!RefusesReservedBits()) {
    Skip(kOwnClass, kTakesReservedBits);
    return Skip(kLowered, kTakesReservedBits);
  }
  Check(HoldsBack(kVector >> 4), kOwnClass);
  LowerCr8();
  CheckEqual(came == 1 ? came_at : ~came, expected, kLowered);
}

uint32_t stack_selector = 0x10;

// Steps behind MOV to SS, which holds single steps back as well.
#define STEPS(name, setup, text)                                         \
  void name() {                                                          \
    asm volatile(setup                                                   \
                 "\nleaq 2f(%%rip), %%r8\n"                              \
                 "movq %%r8, %0\n"                                       \
                 "pushfq; orl $0x100, (%%rsp); popfq\n"                  \
                 "movw %1, %%ss\n" text "\n2: nop; nop; nop; nop; nop\n" \
                 : "=m"(expected)                                        \
                 : "m"(stack_selector)                                   \
                 : CLOBBERS);                                            \
  }

STEPS(StepSsNop, "", "nop")
STEPS(StepSsCpuid, "xorl %%eax, %%eax; xorl %%ecx, %%ecx", "cpuid")
STEPS(StepSsOut, "", "outb %%al, $0x80")
STEPS(StepSsDevice, "movl $0xfec00000, %%ecx; xorl %%eax, %%eax", "movl %%eax, (%%rcx)")
STEPS(StepSsX2apic, "movl $0x802, %%ecx", "rdmsr")

void CheckMovSsSteps() {
  struct {
    void (*code)();
    std::string_view what;
  } static constexpr kCases[] = {
      {StepSsNop, "MOV to SS, NOP: the single step comes behind it"},
      {StepSsCpuid, "MOV to SS, CPUID: the single step comes behind it"},
      {StepSsOut, "MOV to SS, OUT: the single step comes behind it"},
      {StepSsDevice, "MOV to SS, store to a device: the single step comes behind it"},
      {StepSsX2apic, "MOV to SS, RDMSR of the x2APIC: the single step comes behind it"},
  };
  for (const auto& [code, what] : kCases) {
    const DebugEvents events;
    code();
    if (!Check(events.event(0).rip == expected, what)) PrintDebugEvents(events, expected);
  }
}

// A breakpoint on the selector in memory waits for the instruction behind MOV to SS.
#define WATCHED(name, setup, text)                   \
  void name() {                                      \
    asm volatile(setup                               \
                 "\nleaq 2f(%%rip), %%r8\n"          \
                 "movq %%r8, %0\n"                   \
                 "movw %1, %%ss\n" text "\n2: nop\n" \
                 : "=m"(expected)                    \
                 : "m"(stack_selector)               \
                 : CLOBBERS);                        \
  }

WATCHED(WatchSsNop, "", "nop")
WATCHED(WatchSsCpuid, "xorl %%eax, %%eax; xorl %%ecx, %%ecx", "cpuid")
WATCHED(WatchSsDevice, "movl $0xfec00000, %%ecx; xorl %%eax, %%eax", "movl %%eax, (%%rcx)")

bool ComesBehind(void (*code)()) {
  const DebugEvents events;
  WriteDr0(reinterpret_cast<uint64_t>(&stack_selector));
  WriteDr7(Enable(0, Watch::kAccess4));
  code();
  WriteDr7(kDebugAlwaysSet);
  return events.count() == 1 && events.event(0).rip == expected &&
         (events.event(0).dr6 & kDebugHits) == 1;
}

void CheckMovSsBreakpoint() {
  struct {
    void (*code)();
    std::string_view what;
  } static constexpr kCases[] = {
      {WatchSsNop, "MOV to SS from watched memory, NOP: #DB comes behind it"},
      {WatchSsCpuid, "MOV to SS from watched memory, CPUID: #DB comes behind it"},
      {WatchSsDevice, "MOV to SS from watched memory, store to a device: #DB comes behind it"},
  };
  const bool waits = BreakpointsAllowed() && ComesBehind(WatchSsNop);
  for (const auto& [code, what] : kCases) {
    if (!BreakpointsAllowed()) {
      Skip(what, kNoBreakpoints);
    } else if (waits) {
      Check(ComesBehind(code), what);
    } else {
      Skip(what, "this processor's breakpoints do not wait");
    }
  }
}

}  // namespace

void CheckInterruptShadow() {
  const ScopedHandler handler(kVector, Record);
  CheckSti();
  CheckTaskPriority();
  CheckMovSsSteps();
  CheckMovSsBreakpoint();
}

}  // namespace bulkhead::testguest
