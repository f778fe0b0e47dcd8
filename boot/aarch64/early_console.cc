// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/early_console.h"

#include "boot/aarch64/psci.h"

namespace bulkhead {
namespace {

// Registers of the PL011, as offsets from its first byte (Arm DDI 0183, 3.2).
constexpr uint64_t kData = 0x00;
constexpr uint64_t kFlags = 0x18;
constexpr uint64_t kLineControl = 0x2c;
constexpr uint64_t kControl = 0x30;
constexpr uint32_t kBusy = 1 << 3;
constexpr uint32_t kTransmitFull = 1 << 5;
constexpr uint32_t kEightBitsFifos = 0x70;
constexpr uint32_t kEnable = 1 << 0;
constexpr uint32_t kTransmitEnable = 1 << 8;
// At 115200 baud a byte leaves in 87 us; a device access takes about 100 ns on real machines.
constexpr int kMaxPolls = 1000000;

constexpr uint64_t kSystemReset = 0x84000009;  // Arm DEN0022, 5.10

uint64_t g_uart = 0;  // physical address of its registers; 0: none
PsciConduit g_conduit = PsciConduit::kSmc;

// One plain load or store each, as devices want it.
void Out(uint64_t offset, uint32_t value) {
  asm volatile("str %w0, [%1]" : : "r"(value), "r"(g_uart + offset) : "memory");
}

uint32_t In(uint64_t offset) {
  uint32_t value;
  asm volatile("ldr %w0, [%1]" : "=r"(value) : "r"(g_uart + offset) : "memory");
  return value;
}

void WaitWhile(uint32_t flag) {
  for (int i = 0; i < kMaxPolls; ++i) {
    if ((In(kFlags) & flag) == 0) return;
  }
}

void WriteByte(char c) {
  WaitWhile(kTransmitFull);
  Out(kData, static_cast<uint8_t>(c));
}

}  // namespace

void EarlyConsoleInit(uint64_t address) {
  g_uart = address;
  if (g_uart == 0 || (In(kControl) & kEnable) != 0) return;
  // Nobody used it before us. The speed stays what it is: its clock is not known.
  Out(kLineControl, kEightBitsFifos);
  Out(kControl, kEnable | kTransmitEnable);
}

void EarlyConsoleWrite(std::string_view text) {
  if (g_uart == 0) return;
  for (const char c : text) {
    if (c == '\n') WriteByte('\r');
    WriteByte(c);
  }
}

void SetEarlyPsciConduit(PsciConduit conduit) { g_conduit = conduit; }

void EarlyReset() {
  if (g_uart != 0) WaitWhile(kBusy);
  // Arm DEN0028, 2.6: the call may change X0 to X17. It does not return.
  register uint64_t function asm("x0") = kSystemReset;
  if (g_conduit == PsciConduit::kHvc) {
    asm volatile("hvc #0" : "+r"(function) : : "memory");
  } else {
    asm volatile("smc #0" : "+r"(function) : : "memory");
  }
  for (;;) asm volatile("msr DAIFSet, #15; wfi");
}

}  // namespace bulkhead
