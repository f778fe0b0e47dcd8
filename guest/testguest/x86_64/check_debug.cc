// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Debug registers: what they keep, and that breakpoints and single steps come where they should,
// also around instructions that exit and are completed by somebody else.

#include <cstdint>
#include <string_view>

#include "guest/testguest/tap.h"
#include "guest/testguest/x86_64/control_registers.h"
#include "guest/testguest/x86_64/debug_events.h"
#include "guest/testguest/x86_64/processor_checks.h"
#include "vmm/x86_64/layout.h"

namespace bulkhead::testguest {
namespace {

void Exit() {
  (void)GetCpuid(0);
  (void)ReadMmio<uint32_t>(layout::kIoApicBase);
}

constexpr uint64_t kSomeDr7 = 0xd << 16;

void CheckValues() {
  // Of the breakpoint only what and how long, unless it may be on.
  const uint64_t breakpoint =
      kDebugAlwaysSet | (BreakpointsAllowed() ? Enable(3, Watch::kWrite4) : kSomeDr7);
  WriteDr6(kDebugHits);
  WriteDr7(breakpoint);
  Exit();
  CheckEqual(ReadDr6() & (kDebugHits | kDebugStep), kDebugHits, "DR6 survives exits");
  CheckEqual(ReadDr7(), breakpoint, "DR7 survives exits");
  WriteDr6(0);
  CheckEqual(ReadDr6() & 0xff0, 0xff0, "DR6: the bits that are always set");
  WriteDr7(0);
  CheckEqual(ReadDr7(), kDebugAlwaysSet, "DR7: the bit that is always set");
  CheckRaises(Try([] { WriteDr6(uint64_t{1} << 32); }), kGeneralProtectionVector, 0,
              "DR6: the upper half raises #GP");
  CheckRaises(Try([] { WriteDr7(uint64_t{1} << 32); }), kGeneralProtectionVector, 0,
              "DR7: the upper half raises #GP");

  const ScopedControl control;
  const auto read_dr4 = [] {
    uint64_t value;
    asm volatile("movq %%db4, %0" : "=r"(value));
    return value;
  };
  WriteCr4(control.cr4() & ~kCr4De);
  uint64_t dr4 = 0;
  CheckRaisesNothing(Try([&] { dr4 = read_dr4(); }), "DR4 is there without CR4.DE");
  CheckEqual(dr4, ReadDr6(), "and is DR6");
  WriteCr4(control.cr4() | kCr4De);
  CheckRaises(Try([&] { read_dr4(); }), kUndefinedVector, 0, "DR4 with CR4.DE: #UD");
}

// Where the instruction is that a check is about, and what follows it.
uint64_t before_it, after_it;
uint32_t watched;

#define CLOBBERS "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "memory", "cc"

// Steps through an instruction and some of a byte each behind it.
#define STEPS(name, setup, text)                                                              \
  void name() {                                                                               \
    asm volatile(setup                                                                        \
                 "\nleaq 2f(%%rip), %%r8\n"                                                   \
                 "movq %%r8, %0\n"                                                            \
                 "pushfq; orl $0x100, (%%rsp); popfq\n" text "\n2: nop; nop; nop; nop; nop\n" \
                 : "=m"(after_it)                                                             \
                 : [watched] "i"(&watched)                                                    \
                 : CLOBBERS);                                                                 \
  }

STEPS(StepNothing, "", "nop")
STEPS(StepCpuid, "xorl %%eax, %%eax; xorl %%ecx, %%ecx", "cpuid")
STEPS(StepOut, "movl $0x80, %%edx", "outb %%al, %%dx")
STEPS(StepIn, "movl $0x80, %%edx", "inb %%dx, %%al")
STEPS(StepStringIn, "movl $0x80, %%edx; movq %[watched], %%rdi", "insb")
STEPS(StepDeviceWrite, "movl $0xfec00000, %%ecx; xorl %%eax, %%eax", "movl %%eax, (%%rcx)")
STEPS(StepDeviceRead, "movl $0xfec00000, %%ecx", "movl (%%rcx), %%eax")
STEPS(StepReadMsr, "movl $0x1b, %%ecx", "rdmsr")
STEPS(StepReadX2apic, "movl $0x802, %%ecx", "rdmsr")
STEPS(StepWriteX2apic, "movl $0x80b, %%ecx; xorl %%eax, %%eax; xorl %%edx, %%edx", "wrmsr")
STEPS(StepWriteBack, "", "wbinvd")
STEPS(StepVmcall, "", "vmcall")
STEPS(StepVmmcall, "", "vmmcall")

void StepHypercall() { IsAmd() ? StepVmmcall() : StepVmcall(); }

// Breakpoints on an instruction and on the next.
#define BREAKS(name, setup, text)                                               \
  void name() {                                                                 \
    asm volatile(setup                                                          \
                 "\nleaq 1f(%%rip), %%r8\n"                                     \
                 "movq %%r8, %0\n"                                              \
                 "movq %%r8, %%dr0\n"                                           \
                 "leaq 2f(%%rip), %%r8\n"                                       \
                 "movq %%r8, %1\n"                                              \
                 "movq %%r8, %%dr1\n"                                           \
                 "movq %2, %%dr7\n"                                             \
                 "1: " text "\n2: nop\n"                                        \
                 : "=m"(before_it), "=m"(after_it)                              \
                 : "r"(Enable(0, Watch::kExecute) | Enable(1, Watch::kExecute)) \
                 : CLOBBERS);                                                   \
  }

BREAKS(BreakNothing, "", "nop")
BREAKS(BreakCpuid, "xorl %%eax, %%eax; xorl %%ecx, %%ecx", "cpuid")
BREAKS(BreakOut, "", "outb %%al, $0x80")
BREAKS(BreakDeviceWrite, "movl $0xfec00000, %%ecx; xorl %%eax, %%eax", "movl %%eax, (%%rcx)")
BREAKS(BreakReadX2apic, "movl $0x802, %%ecx", "rdmsr")

void WriteWatched() {
  asm volatile(
      "leaq 2f(%%rip), %%r8\n"
      "movq %%r8, %0\n"
      "movl $1, %1\n"
      "2: nop\n"
      : "=m"(after_it), "=m"(watched)
      :
      : "r8");
}

void CheckSteps() {
  struct {
    void (*steps)();
    std::string_view what;
  } static constexpr kSteps[] = {
      {StepNothing, "single step"},
      {StepCpuid, "single step over CPUID"},
      {StepOut, "single step over OUT"},
      {StepIn, "single step over IN"},
      {StepStringIn, "single step over INS"},
      {StepDeviceWrite, "single step over a store to a device"},
      {StepDeviceRead, "single step over a load from a device"},
      {StepReadMsr, "single step over RDMSR"},
      {StepReadX2apic, "single step over RDMSR of the x2APIC"},
      {StepWriteX2apic, "single step over WRMSR of the x2APIC"},
      {StepWriteBack, "single step over WBINVD"},
      {StepHypercall, "single step over a hypercall"},
  };
  for (const auto& [steps, what] : kSteps) {
    const DebugEvents events;
    steps();
    const DebugEvents::Event first = events.event(0), second = events.event(1);
    if (!Check(first.rip == after_it && (first.dr6 & (kDebugStep | kDebugHits)) == kDebugStep &&
                   second.rip == after_it + 1,
               what)) {
      PrintDebugEvents(events, after_it);
    }
  }
}

void CheckBreakpoints() {
  struct {
    void (*breaks)();
    std::string_view what;
  } static constexpr kBreaks[] = {
      {BreakNothing, "breakpoints"},
      {BreakCpuid, "breakpoints on CPUID and behind it"},
      {BreakOut, "breakpoints on OUT and behind it"},
      {BreakDeviceWrite, "breakpoints on a store to a device and behind it"},
      {BreakReadX2apic, "breakpoints on RDMSR of the x2APIC and behind it"},
  };
  for (const auto& [breaks, what] : kBreaks) {
    if (!BreakpointsAllowed()) {
      Skip(what, kNoBreakpoints);
      continue;
    }
    const DebugEvents events;
    breaks();
    const DebugEvents::Event first = events.event(0), second = events.event(1);
    if (!Check(events.count() == 2 && first.rip == before_it && (first.dr6 & kDebugHits) == 1 &&
                   second.rip == after_it && (second.dr6 & kDebugHits) == 2,
               what)) {
      PrintDebugEvents(events, before_it);
    }
  }
}

void CheckWatch() {
  constexpr std::string_view kStore = "breakpoint on a store", kLoad = "breakpoint on a load";
  if (!BreakpointsAllowed()) {
    Skip(kStore, kNoBreakpoints);
    return Skip(kLoad, kNoBreakpoints);
  }
  const DebugEvents events;
  WriteDr2(reinterpret_cast<uint64_t>(&watched));
  WriteDr7(Enable(2, Watch::kWrite4));
  WriteWatched();
  const DebugEvents::Event event = events.event(0);
  if (!Check(events.count() == 1 && event.rip == after_it && (event.dr6 & kDebugHits) == 4,
             kStore)) {
    PrintDebugEvents(events, after_it);
  }
  WriteDr7(Enable(2, Watch::kAccess4));
  (void)*const_cast<volatile uint32_t*>(&watched);
  WriteDr7(kDebugAlwaysSet);
  CheckEqual(static_cast<uint64_t>(events.count()), 2, kLoad);
}

void CheckGeneralDetect() {
  WriteDr6(0);
  WriteDr7(kDebugAlwaysSet | kDebugDetect);
  const Exception got = Try([] { (void)ReadDr0(); });
  const uint64_t dr6 = ReadDr6(), dr7 = ReadDr7();
  WriteDr7(kDebugAlwaysSet);
  WriteDr6(0);
  constexpr std::string_view kRaises = "DR7.GD: using a debug register raises #DB";
  constexpr std::string_view kSays = "DR6.BD says so, DR7.GD is off";
  if (got.none()) {
    Skip(kRaises, "this processor has no general detect");
    Skip(kSays, "this processor has no general detect");
    return;
  }
  CheckRaises(got, kDebugVector, 0, kRaises);
  Check((dr6 & kDebugAccess) != 0 && (dr7 & kDebugDetect) == 0, kSays);
}

}  // namespace

void CheckDebugRegisters() {
  CheckValues();
  CheckSteps();
  CheckBreakpoints();
  CheckWatch();
  CheckGeneralDetect();
}

}  // namespace bulkhead::testguest
