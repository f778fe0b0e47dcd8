// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "guest/testguest/x86_64/cpu.h"

#include "boot/pvh/start_info.h"
#include "guest/testguest/tap.h"
#include "vmm/x86_64/layout.h"

extern "C" char interrupt_stubs[];

namespace bulkhead::testguest {
namespace {

struct Frame {
  uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
  uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

struct [[gnu::packed]] Gate {  // AMD APM 2, 4.8.4
  uint16_t offset_low;
  uint16_t selector;
  uint8_t stack;
  uint8_t type;
  uint16_t offset_middle;
  uint32_t offset_high;
  uint32_t reserved;
};
static_assert(sizeof(Gate) == 16);

constexpr uint64_t kGeneralProtection = 13;
constexpr uint64_t kPageFault = 14;
constexpr uint8_t kInterruptGate = 0x8e;
constexpr uint16_t kCodeSelector = 8;
constexpr uint32_t kX2apicEoi = 0x80b;

Gate gates[256];
volatile uint64_t counts[256];
volatile uint64_t resume_at;  // where to go on after #GP and #PF; 0: nowhere
Exception raised;

void WriteMsrUnchecked(uint32_t index, uint64_t value) {
  asm volatile("wrmsr"
               :
               : "c"(index), "a"(static_cast<uint32_t>(value)),
                 "d"(static_cast<uint32_t>(value >> 32))
               : "memory");
}

uint64_t ReadCr2() {
  uint64_t value;
  asm volatile("movq %%cr2, %0" : "=r"(value));
  return value;
}

}  // namespace

extern "C" void HandleInterrupt(Frame* frame) {
  if (frame->vector >= 32) {
    counts[frame->vector] = counts[frame->vector] + 1;
    WriteMsrUnchecked(kX2apicEoi, 0);
    return;
  }
  const bool page_fault = frame->vector == kPageFault;
  if ((page_fault || frame->vector == kGeneralProtection) && resume_at != 0) {
    frame->rip = resume_at;
    resume_at = 0;
    raised = {frame->vector, frame->error, page_fault ? ReadCr2() : 0};
    return;
  }
  Line line;
  line << "Bail out! exception " << frame->vector << " error " << Hex{frame->error} << " at "
       << Hex{frame->rip} << "\n";
  Print(line.view());
  PowerOff();
}

MsrResult ReadMsr(uint32_t index) {
  uint32_t low = 0, high = 0;
  raised = {};
  asm volatile(
      "leaq 1f(%%rip), %%r8\n"
      "movq %%r8, %2\n"
      "rdmsr\n"
      "1:"
      : "+a"(low), "+d"(high), "=m"(resume_at), "+m"(raised)
      : "c"(index)
      : "r8", "memory");
  resume_at = 0;
  return {raised.vector != 0, uint64_t{high} << 32 | low};
}

bool WriteMsr(uint32_t index, uint64_t value) {
  raised = {};
  asm volatile(
      "leaq 1f(%%rip), %%r8\n"
      "movq %%r8, %0\n"
      "wrmsr\n"
      "1:"
      : "=m"(resume_at), "+m"(raised)
      : "c"(index), "a"(static_cast<uint32_t>(value)), "d"(static_cast<uint32_t>(value >> 32))
      : "r8", "memory");
  resume_at = 0;
  return raised.vector == 0;
}

Exception StringOut8(uint16_t port, uint64_t from) {
  raised = {};
  asm volatile(
      "leaq 1f(%%rip), %%r8\n"
      "movq %%r8, %0\n"
      "outsb\n"
      "1:"
      : "=m"(resume_at), "+m"(raised), "+S"(from)
      : "d"(port)
      : "r8", "memory");
  resume_at = 0;
  return raised;
}

Exception StringIn8(uint16_t port, uint64_t to) {
  raised = {};
  asm volatile(
      "leaq 1f(%%rip), %%r8\n"
      "movq %%r8, %0\n"
      "insb\n"
      "1:"
      : "=m"(resume_at), "+m"(raised), "+D"(to)
      : "d"(port)
      : "r8", "memory");
  resume_at = 0;
  return raised;
}

void InstallInterrupts() {
  for (uint32_t i = 0; i < 256; ++i) {
    const auto stub = reinterpret_cast<uint64_t>(interrupt_stubs) + uint64_t{i} * 16;
    gates[i] = {static_cast<uint16_t>(stub),
                kCodeSelector,
                0,
                kInterruptGate,
                static_cast<uint16_t>(stub >> 16),
                static_cast<uint32_t>(stub >> 32),
                0};
  }
  const struct [[gnu::packed]] {
    uint16_t limit;
    uint64_t base;
  } pointer = {sizeof(gates) - 1, reinterpret_cast<uint64_t>(gates)};
  asm volatile("lidt %0" : : "m"(pointer));
}

uint64_t InterruptCount(uint8_t vector) { return counts[vector]; }

bool HaltUntil(uint8_t vector, uint64_t before) {
  const uint64_t start = ReadTsc();
  while (counts[vector] <= before) {
    if (ReadTsc() - start > kPatience) return false;
    // STI takes effect after HLT: the interrupt cannot come in between (AMD APM 3, STI).
    asm volatile("sti; hlt; cli" : : : "memory");
  }
  return true;
}

std::string_view CommandLine(uint64_t boot) {
  const uint64_t text = reinterpret_cast<const PvhStartInfo*>(boot)->command_line;
  return text == 0 ? "" : reinterpret_cast<const char*>(text);
}

void DebugOutput(char c) { Out8(layout::kDebugUartPort, static_cast<uint8_t>(c)); }

uint32_t ReadDevice(uint64_t address) { return ReadMmio<uint32_t>(address); }
void WriteDevice(uint64_t address, uint32_t value) { WriteMmio<uint32_t>(address, value); }

void MemoryBarrier() { asm volatile("mfence" : : : "memory"); }
void Relax() { asm volatile("pause"); }

void PowerOff() {
  Out8(layout::kSleepControlPort, 1 << 5 | layout::kSleepTypeOff << 2);
  for (;;) asm volatile("cli; hlt");
}

}  // namespace bulkhead::testguest
