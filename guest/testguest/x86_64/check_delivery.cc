// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Exceptions and interrupts that the hypervisor or the VMM gives the guest, with something in their
// way: what comes of it is as if the processor had raised them (AMD APM 2, 15.20; Intel SDM 3C,
// 26.6).

#include <cstdint>
#include <string_view>

#include "guest/testguest/tap.h"
#include "guest/testguest/x86_64/control_registers.h"
#include "guest/testguest/x86_64/descriptors.h"
#include "guest/testguest/x86_64/features.h"
#include "guest/testguest/x86_64/interrupts.h"
#include "guest/testguest/x86_64/pages.h"
#include "guest/testguest/x86_64/processor_checks.h"
#include "guest/testguest/x86_64/user_mode.h"

namespace bulkhead::testguest {
namespace {

constexpr uint8_t kVector = 0x51, kHigherVector = 0x61;
constexpr uint32_t kSelfIpi = 0x83f;
constexpr uint32_t kPage = 2;                  // of the window: a stack
constexpr uint64_t kExternal = 1, kTable = 2;  // of an error code (AMD APM 2, 8.4.1)

alignas(kSmallPage) uint8_t stack_page[kSmallPage];

// Stays in service after its delivery has failed.
void TakeBack() {
  if (ReadMsr(0x810 + kVector / 32).value != 0) EndOfInterrupt();
}

// Each without a stack, but for the address to return to.
// As TakeInterrupts.
[[gnu::naked]] void RaiseInterrupt() { asm("sti; nop; movl $0x802, %ecx; rdmsr; nop; cli; retq"); }
// The VMM's answer is #GP; the hypervisor's; the processor's.
[[gnu::naked]] void RaiseFault() { asm("movl $0xdeadbeef, %ecx; rdmsr; retq"); }
[[gnu::naked]] void RaiseX2apicFault() { asm("movl $0x83f, %ecx; rdmsr; retq"); }
[[gnu::naked]] void RaiseOwnFault() { asm("movl $0x1000, %eax; movl %eax, %fs; retq"); }

// INS to what is not mapped, which the VMM finds out; the same without it.
[[gnu::naked]] void RaisePageFault() {
  asm("movabsq $0x7000000000, %rdi; movl $0x1234, %edx; insb; retq");
}
[[gnu::naked]] void RaiseOwnPageFault() {
  asm("movabsq $0x7000000000, %rdi; movb $0, (%rdi); retq");
}

void OnStack(uint64_t stack, void (*code)()) {
  static uint64_t before;
  asm volatile(
      "movq %%rsp, %0\n"
      "movq %1, %%rsp\n"
      "callq *%2\n"
      "movq %0, %%rsp\n"
      : "+m"(before)
      : "r"(stack), "r"(code)
      : "rax", "rcx", "rdx", "rdi", "memory", "cc");
}

void CheckAbsentGate() {
  constexpr std::string_view kWhat = "an interrupt through no gate: #NP";
  SetGate(kVector, {.present = false});
  WriteMsr(kSelfIpi, kVector);
  const Exception got = Try(RaiseInterrupt);
  Check(got.vector == kNotPresentVector && (got.error & kTable) != 0, kWhat);
  if ((got.error & kExternal) != 0) {
    CheckEqual(got.error, kVector * 8 + kTable + kExternal, "its error code names the gate");
  } else {
    Skip("its error code names the gate", "this processor leaves out that it was external");
  }
  TakeBack();
  SetGate(kVector);
}

// Whether the processor counts an exception that was injected as the first of two.
bool counts_injected = false;

void CheckDoubleFault(const Exception& got, std::string_view what) {
  if (!counts_injected) return Skip(what, "this processor forgets an exception that was injected");
  CheckRaises(got, kDoubleFaultVector, 0, what);
}

void CheckNoFaultGate() {
  SetGate(kDoubleFaultVector, {.stack = 1});
  SetGate(kGeneralProtectionVector, {.present = false});
  CheckRaises(Try(RaiseOwnFault), kDoubleFaultVector, 0,
              "#GP of the processor through no gate: #DF");
  const Exception first = Try(RaiseX2apicFault);
  counts_injected = first.vector != kNotPresentVector;
  CheckDoubleFault(first, "#GP of the hypervisor through no gate: #DF");
  CheckDoubleFault(Try(RaiseFault), "#GP of the VMM through no gate: #DF");
  SetGate(kGeneralProtectionVector);
  SetGate(kDoubleFaultVector);
}

// Maps a page for a return address on top of one that is absent. The address for RSP.
uint64_t MakeAbsentStack() {
  SetWindow(kPage, 0);
  SetWindow(kPage + 1, reinterpret_cast<uint64_t>(stack_page) | kPagePresent | kPageWritable);
  InvalidatePage(WindowAddress(kPage));
  InvalidatePage(WindowAddress(kPage + 1));
  return WindowAddress(kPage + 1) + 8;
}

void CheckAbsentStack() {
  const uint64_t stack = MakeAbsentStack();
  SetGate(kPageFaultVector, {.stack = 1});
  WriteMsr(kSelfIpi, kVector);
  const Exception got = Try([&] { OnStack(stack, RaiseInterrupt); });
  CheckRaises(got, kPageFaultVector, kErrorWrite, "an interrupt onto no stack: #PF");
  CheckEqual(got.address / kSmallPage, WindowAddress(kPage) / kSmallPage, "CR2 is in the stack");
  TakeBack();
  CheckRaises(Try([&] { OnStack(stack, RaiseFault); }), kPageFaultVector, kErrorWrite,
              "#GP of the VMM onto no stack: #PF");
  SetGate(kPageFaultVector);

  SetGate(kDoubleFaultVector, {.stack = 1});
  CheckRaises(Try([&] { OnStack(stack, RaiseOwnPageFault); }), kDoubleFaultVector, 0,
              "#PF of the processor onto no stack: #DF");
  CheckDoubleFault(Try([&] { OnStack(stack, RaisePageFault); }),
                   "#PF of the VMM onto no stack: #DF");
  SetGate(kDoubleFaultVector);
  SetWindow(kPage + 1, 0);
  InvalidatePage(WindowAddress(kPage + 1));
}

uint64_t handler_stack;

void CheckInterruptStack() {
  const ScopedHandler handler(kVector, [](Frame& frame) {
    handler_stack = reinterpret_cast<uint64_t>(&frame);
    EndOfInterrupt();
  });
  SetGate(kVector, {.stack = 3});
  WriteMsr(kSelfIpi, kVector);
  RaiseInterrupt();
  CheckEqual(handler_stack, InterruptStackTop() - sizeof(Frame),
             "an interrupt with a stack of its own");
  SetGate(kVector);
}

uint8_t order[4];
uint64_t order_count;

void Note(Frame& frame) {
  if (order_count < sizeof(order)) order[order_count] = static_cast<uint8_t>(frame.vector);
  order_count = order_count + 1;
  EndOfInterrupt();
}

void CheckOrder() {
  const ScopedHandler low(kVector, Note), high(kHigherVector, Note);
  order_count = 0;
  WriteMsr(kSelfIpi, kVector);
  WriteMsr(kSelfIpi, kHigherVector);
  RaiseInterrupt();
  Check(order_count == 2 && order[0] == kHigherVector && order[1] == kVector,
        "of two interrupts the higher comes first");
  // One that comes while another is served waits or not, by its class.
  order_count = 0;
  const ScopedHandler nested(kVector, [](Frame& frame) {
    order[order_count] = static_cast<uint8_t>(frame.vector);
    order_count = order_count + 1;
    WriteMsr(kSelfIpi, kVector + 1);
    WriteMsr(kSelfIpi, kHigherVector);
    TakeInterrupts();
    order_count = order_count + 10;
    EndOfInterrupt();
  });
  const uint64_t same_class = InterruptCount(kVector + 1);
  WriteMsr(kSelfIpi, kVector);
  TakeInterrupts();
  Check(order_count == 12 && order[1] == kHigherVector, "a higher class comes into a handler");
  CheckEqual(InterruptCount(kVector + 1), same_class + 1, "the same class comes behind it");
}

uint64_t interrupted_cs, interrupted_rip;

USER_CODE(UserWait, "nop; nop")

void CheckUserMode() {
  const ScopedHandler handler(kVector, [](Frame& frame) {
    interrupted_cs = frame.cs;
    interrupted_rip = frame.rip;
    EndOfInterrupt();
  });
  WriteMsr(kSelfIpi, kVector);
  const Exception got = RunInUserMode(UserWait, 0, kUserFlags | kFlagInterrupt);
  Check(got.vector == kUndefinedVector && interrupted_cs == kUserCodeSelector &&
            interrupted_rip == UserAddress(UserWait),
        "an interrupt that waits comes with IRET to user mode");
}

USER_CODE(UserMisaligned, "movl -15(%rsp), %eax")

void CheckAlignment() {
  constexpr std::string_view kWhat = "a misaligned access in user mode: #AC";
  const ScopedControl control;
  WriteCr0(control.cr0() | kCr0Am);
  const Exception got = RunInUserMode(UserMisaligned, 0, kUserFlags | kFlagAlignment);
  if (got.vector == kUndefinedVector) return Skip(kWhat, "this processor does not check");
  CheckRaises(got, kAlignmentVector, 0, kWhat);
}

}  // namespace

void CheckDelivery() {
  CheckAbsentGate();
  CheckNoFaultGate();
  CheckAbsentStack();
  CheckInterruptStack();
  CheckOrder();
  CheckUserMode();
  CheckAlignment();
}

}  // namespace bulkhead::testguest
