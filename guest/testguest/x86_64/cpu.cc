// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// machine.h on x86_64.

#include "guest/testguest/x86_64/cpu.h"

#include "boot/pvh/start_info.h"
#include "guest/testguest/machine.h"
#include "vmm/x86_64/layout.h"

namespace bulkhead::testguest {

namespace {

// Asks Xen to end this guest (Xen public/sched.h).
void XenPowerOff() {
  constexpr uint64_t kSchedOp = 29, kShutdown = 2;
  const uint32_t reason = 0;  // power off
  uint64_t call = kSchedOp, operation = kShutdown;
  asm volatile("vmmcall" : "+a"(call), "+D"(operation) : "S"(&reason) : "memory");
}

}  // namespace

std::string_view CommandLine(uint64_t boot) {
  const uint64_t text = reinterpret_cast<const PvhStartInfo*>(boot)->command_line;
  return text == 0 ? "" : reinterpret_cast<const char*>(text);
}

void DebugOutput(char c) {
  // Xen's PVH guests have no UART; this port's lines appear in its log (Xen misc/xen-command-line).
  constexpr uint16_t kXenDebugPort = 0xe9;
  static const bool xen = IsXen();
  if (xen) return Out8(kXenDebugPort, static_cast<uint8_t>(c));
  constexpr uint16_t kLineStatus = 5;  // 16550: the register; and in it: room for a byte
  constexpr uint8_t kEmpty = 0x20;
  while ((In8(layout::kDebugUartPort + kLineStatus) & kEmpty) == 0) Relax();
  Out8(layout::kDebugUartPort, static_cast<uint8_t>(c));
}

uint32_t ReadDevice(uint64_t address) { return ReadMmio<uint32_t>(address); }
void WriteDevice(uint64_t address, uint32_t value) { WriteMmio<uint32_t>(address, value); }

void MemoryBarrier() { asm volatile("mfence" : : : "memory"); }
void Relax() { asm volatile("pause"); }

void PowerOff() {
  if (IsXen()) XenPowerOff();
  Out8(layout::kSleepControlPort, 1 << 5 | layout::kSleepTypeOff << 2);
  for (;;) asm volatile("cli; hlt");
}

void Sleep() {
  for (;;) asm volatile("sti; hlt");
}

}  // namespace bulkhead::testguest
