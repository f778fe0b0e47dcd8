// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// machine.h on x86_64.

#include "guest/testguest/x86_64/cpu.h"

#include "boot/pvh/start_info.h"
#include "guest/testguest/machine.h"
#include "vmm/x86_64/layout.h"

namespace bulkhead::testguest {

std::string_view CommandLine(uint64_t boot) {
  const uint64_t text = reinterpret_cast<const PvhStartInfo*>(boot)->command_line;
  return text == 0 ? "" : reinterpret_cast<const char*>(text);
}

void DebugOutput(char c) {
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
  Out8(layout::kSleepControlPort, 1 << 5 | layout::kSleepTypeOff << 2);
  for (;;) asm volatile("cli; hlt");
}

void Sleep() {
  for (;;) asm volatile("sti; hlt");
}

}  // namespace bulkhead::testguest
