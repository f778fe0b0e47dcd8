// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "guest/testguest/aarch64/cpu.h"

#include <libfdt.h>

#include "guest/testguest/tap.h"
#include "vmm/aarch64/debug_uart.h"
#include "vmm/aarch64/esr.h"
#include "vmm/aarch64/layout.h"
#include "vmm/aarch64/smccc.h"

namespace bulkhead::testguest {
namespace {

// As start.S puts it on the stack.
struct Frame {
  uint64_t x[31];
  uint64_t elr, spsr, vector;
};
static_assert(sizeof(Frame) <= 288);

// Vectors for the current level with its own stack pointer (Arm ARM D1.3.1).
constexpr uint64_t kSynchronous = 4;
constexpr uint64_t kIrq = 5;

constexpr uint32_t kNoInterrupt = 1020;  // and above: there was none after all
constexpr uint32_t kCounted = layout::kInterrupts;
constexpr uint64_t kSgiBase = layout::kGicrBase + 0x1'0000;

volatile uint64_t counts[kCounted];
volatile bool expecting;
volatile bool undefined;

void TakeInterrupt() {
  uint64_t intid;
  asm volatile("mrs %0, icc_iar1_el1; dsb sy" : "=r"(intid) : : "memory");
  if (intid >= kNoInterrupt) return;
  // A level: it would come again at once.
  if (intid == layout::kVirtualTimerPpi) asm volatile("msr cntv_ctl_el0, xzr; isb");
  if (intid < kCounted) counts[intid] = counts[intid] + 1;
  asm volatile("msr icc_eoir1_el1, %0; isb" : : "r"(intid) : "memory");
}

}  // namespace

extern "C" void HandleException(Frame* frame) {
  if (frame->vector == kIrq) {
    TakeInterrupt();
    return;
  }
  uint64_t esr, far;
  asm volatile("mrs %0, esr_el1; mrs %1, far_el1" : "=r"(esr), "=r"(far));
  // Reads among the identification registers may be told apart from others (FEAT_IDST).
  const bool refused =
      ClassOf(esr) == ExceptionClass::kUnknown || ClassOf(esr) == ExceptionClass::kSystemRegister;
  if (frame->vector == kSynchronous && refused && expecting) {
    undefined = true;
    frame->elr += 4;
    return;
  }
  Line line;
  line << "Bail out! exception " << frame->vector << " esr " << Hex{esr} << " far " << Hex{far}
       << " at " << Hex{frame->elr} << "\n";
  Print(line.view());
  PowerOff();
}

void ExpectUndefined() {
  undefined = false;
  expecting = true;
}
bool WasUndefined() {
  expecting = false;
  return undefined;
}

// start.S has set the vectors.
void InstallInterrupts() {}

std::string_view CommandLine(uint64_t boot) {
  const void* tree = reinterpret_cast<const void*>(boot);
  if (fdt_check_header(tree) != 0) return "";
  const int chosen = fdt_path_offset(tree, "/chosen");
  int length = 0;
  const void* text = chosen < 0 ? nullptr : fdt_getprop(tree, chosen, "bootargs", &length);
  if (text == nullptr || length <= 0) return "";
  return {static_cast<const char*>(text), static_cast<size_t>(length - 1)};
}

void DebugOutput(char c) {
  while ((ReadMmio<uint32_t>(layout::kDebugUartBase + kUartFlags) & kUartTransmitFull) != 0) {
  }
  WriteMmio<uint32_t>(layout::kDebugUartBase + kUartData, static_cast<uint8_t>(c));
}

uint32_t ReadDevice(uint64_t address) { return ReadMmio<uint32_t>(address); }
void WriteDevice(uint64_t address, uint32_t value) { WriteMmio<uint32_t>(address, value); }

void MemoryBarrier() { asm volatile("dsb sy" : : : "memory"); }
void Relax() { asm volatile("yield"); }

FirmwareResult CallFirmware(uint64_t function, uint64_t x1, uint64_t x2, uint64_t x3) {
  register uint64_t r0 asm("x0") = function;
  register uint64_t r1 asm("x1") = x1;
  register uint64_t r2 asm("x2") = x2;
  register uint64_t r3 asm("x3") = x3;
  asm volatile("hvc #0" : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3) : : "memory");
  return {r0, r1, r2, r3};
}

FirmwareResult CallSecureFirmware(uint64_t function, uint64_t x1) {
  register uint64_t r0 asm("x0") = function;
  register uint64_t r1 asm("x1") = x1;
  register uint64_t r2 asm("x2") = 0;
  register uint64_t r3 asm("x3") = 0;
  ExpectUndefined();
  asm volatile("smc #0" : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3) : : "memory");
  if (WasUndefined()) return {};
  return {r0, r1, r2, r3};
}

void PowerOff() {
  (void)CallFirmware(smccc::kPsciSystemOff);
  for (;;) asm volatile("wfi");
}

void EnableInterruptController() {
  WriteMmio<uint32_t>(layout::kGicdBase, 1 << 4);  // affinity routing first (IHI 0069, 12.9.4)
  WriteMmio<uint32_t>(layout::kGicdBase, 1 << 4 | 1 << 1);
  WriteMmio<uint32_t>(layout::kGicrBase + 0x14, 0);  // awake
  WriteMmio<uint32_t>(kSgiBase + 0x80, ~0u);         // group 1
  for (uint32_t i = 0; i < 32; i += 4) WriteMmio<uint32_t>(kSgiBase + 0x400 + i, 0xa0a0a0a0);
  WriteMmio<uint32_t>(kSgiBase + 0x100, 1u << layout::kVirtualTimerPpi | 0xffff);
  uint64_t sre;
  asm volatile("mrs %0, icc_sre_el1" : "=r"(sre));
  asm volatile("msr icc_sre_el1, %0; isb" : : "r"(sre | 1));
  asm volatile("msr icc_pmr_el1, %0" : : "r"(uint64_t{0xff}));
  asm volatile("msr icc_bpr1_el1, xzr");
  asm volatile("msr icc_ctlr_el1, xzr");
  asm volatile("msr icc_igrpen1_el1, %0; isb" : : "r"(uint64_t{1}));
}

void Sleep() {
  for (;;) asm volatile("wfi");
}

uint64_t InterruptCount(uint32_t intid) { return counts[intid]; }

void ArmTimer(uint64_t ticks) {
  asm volatile("msr cntv_cval_el0, %0; msr cntv_ctl_el0, %1; isb"
               :
               : "r"(ReadCounter() + ticks), "r"(uint64_t{1}));
}

bool WaitUntil(uint32_t intid, uint64_t before) {
  const uint64_t start = ReadCounter();
  while (counts[intid] <= before) {
    if (ReadCounter() - start > Patience()) return false;
    // A pending interrupt ends WFI though it is masked, and is taken then (Arm ARM D1.6.2).
    asm volatile("wfi" : : : "memory");
    OpenInterrupts();
  }
  return true;
}

}  // namespace bulkhead::testguest
