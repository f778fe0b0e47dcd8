// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_GUEST_TESTGUEST_X86_64_INTERRUPTS_H_
#define BULKHEAD_GUEST_TESTGUEST_X86_64_INTERRUPTS_H_

// Interrupts as counters, exceptions as results, and either as a check likes to have it.

#include <cstdint>
#include <string_view>

#include "guest/testguest/x86_64/cpu.h"

namespace bulkhead::testguest {

enum Vector : uint8_t {
  kDebugVector = 1,
  kNmiVector = 2,
  kBreakpointVector = 3,
  kUndefinedVector = 6,
  kNoCoprocessorVector = 7,
  kDoubleFaultVector = 8,
  kNotPresentVector = 11,
  kStackVector = 12,
  kGeneralProtectionVector = 13,
  kPageFaultVector = 14,
  kAlignmentVector = 17,
};

// What an interrupted program had, as start.S and the processor leave it on the stack.
struct Frame {
  uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
  uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

// Gets one vector in place of what happens otherwise, while the object lives. The handler of an
// external interrupt writes the end-of-interrupt register itself.
class ScopedHandler {
 public:
  using Handler = void (*)(Frame& frame);
  ScopedHandler(uint8_t vector, Handler handler);
  ~ScopedHandler();
  ScopedHandler(const ScopedHandler&) = delete;
  ScopedHandler& operator=(const ScopedHandler&) = delete;

 private:
  const uint8_t vector_;
  const Handler previous_;
};
void EndOfInterrupt();

// An entry of the interrupt descriptor table.
struct GateOptions {
  uint8_t stack = 0;      // of the task state segment's interrupt stacks, 1 to 7; 0: none
  uint8_t privilege = 0;  // the least privileged level whose INT instructions may use it
  bool present = true;
};
void SetGate(uint8_t vector, const GateOptions& options = {});
// Where the gate leads.
uint64_t HandlerAddress(uint8_t vector);

// An exception that ended a piece of code.
struct Exception {
  static constexpr uint64_t kNone = 256;
  uint64_t vector = kNone;
  uint64_t error = 0;
  uint64_t address = 0;  // CR2, of a page fault
  uint64_t rip = 0, rflags = 0, rsp = 0, rax = 0;
  bool none() const { return vector == kNone; }
};

// Calls `body`, at whatever privilege level it goes on; an exception ends it and is told. RFLAGS
// are as at a program's start then: interrupts off, no single steps, forwards.
Exception Catch(void (*body)(void* context), void* context);
template <typename Body>
Exception Try(Body body) {
  return Catch([](void* context) { (*static_cast<Body*>(context))(); }, static_cast<void*>(&body));
}

// One result: `got` is that exception. The latter: it is none.
bool CheckRaises(const Exception& got, uint64_t vector, uint64_t error, std::string_view what);
bool CheckRaisesNothing(const Exception& got, std::string_view what);

// #GP from these is told.
struct MsrResult {
  bool fault;
  uint64_t value;
};
MsrResult ReadMsr(uint32_t index);
bool WriteMsr(uint32_t index, uint64_t value);  // false: #GP

// Takes what waits. Behind STI an interrupt waits for one instruction, and at the latest the exit
// for RDMSR is where it comes: QEMU's VMRUN forgets STI's shadow, so that a hypervisor there
// delivers nothing at once when an interrupt of the machine's own ended the guest's run just then.
inline void TakeInterrupts() {
  asm volatile("sti; nop; movl $0x802, %%ecx; rdmsr; nop; cli" : : : "rax", "rcx", "rdx", "memory");
}

// How often a vector of 32 to 255 came. The handler writes the x2APIC's EOI.
uint64_t InterruptCount(uint8_t vector);

// What takes longer than this does not come any more: ticks of the counter, a minute or so. Other
// pods and a busy machine make everything slow.
inline constexpr uint64_t kPatience = 50'000'000'000;

// HLT with interrupts on until `vector` has come more than `before` times. False after kPatience,
// if something else woke it then.
bool HaltUntil(uint8_t vector, uint64_t before);

}  // namespace bulkhead::testguest

#endif  // BULKHEAD_GUEST_TESTGUEST_X86_64_INTERRUPTS_H_
