// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/early_console.h"

namespace bulkhead {
namespace {

// Registers of the 16550, as offsets from its first port (PC16550D data sheet, table II).
constexpr uint16_t kTransmit = 0;
constexpr uint16_t kInterruptEnable = 1;
constexpr uint16_t kFifoControl = 2;
constexpr uint16_t kLineControl = 3;
constexpr uint16_t kModemControl = 4;
constexpr uint16_t kLineStatus = 5;
constexpr uint8_t kDivisorLatch = 0x80;
constexpr uint8_t kEightBits = 0x03;
constexpr uint8_t kFifoEnableAndClear = 0x07;
constexpr uint8_t kTerminalReady = 0x03;  // DTR and RTS
constexpr uint8_t kTransmitterEmpty = 0x20;
constexpr uint8_t kDivisor115200 = 1;
// At 115200 baud a byte leaves in 87 us; a port access takes about 1 us on real machines.
constexpr int kMaxPolls = 100000;

// Reset control register of PC chipsets: system reset, then the pulse.
constexpr uint16_t kResetPort = 0xcf9;
constexpr uint8_t kHardReset = 0x02;
constexpr uint8_t kHardResetNow = 0x06;

uint16_t g_uart = 0;  // its first port; 0: none

void Out(uint16_t port, uint8_t value) { asm volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }

uint8_t In(uint16_t port) {
  uint8_t value;
  asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

void WaitForTransmitter() {
  if (g_uart == 0) return;
  for (int i = 0; i < kMaxPolls; ++i) {
    if ((In(g_uart + kLineStatus) & kTransmitterEmpty) != 0) return;
  }
}

void WriteByte(char c) {
  WaitForTransmitter();
  Out(g_uart + kTransmit, static_cast<uint8_t>(c));
}

}  // namespace

void EarlyConsoleInit(uint64_t address) {
  g_uart = static_cast<uint16_t>(address);
  if (g_uart == 0) return;
  Out(g_uart + kInterruptEnable, 0);
  Out(g_uart + kLineControl, kDivisorLatch | kEightBits);
  Out(g_uart + kTransmit, kDivisor115200);
  Out(g_uart + kInterruptEnable, 0);  // the divisor's high byte now
  Out(g_uart + kLineControl, kEightBits);
  Out(g_uart + kFifoControl, kFifoEnableAndClear);
  Out(g_uart + kModemControl, kTerminalReady);
}

void EarlyConsoleWrite(std::string_view text) {
  if (g_uart == 0) return;
  for (const char c : text) {
    if (c == '\n') WriteByte('\r');
    WriteByte(c);
  }
}

void EarlyReset() {
  WaitForTransmitter();
  Out(kResetPort, kHardReset);
  Out(kResetPort, kHardResetNow);
  // Where there is no such register: a fault without an interrupt table shuts the CPU down, which
  // the chipset turns into a reset (AMD APM 2, 8.2.9, 14.1.3).
  const struct [[gnu::packed]] {
    uint16_t limit = 0;
    uint64_t base = 0;
  } no_table;
  asm volatile("lidt %0; ud2" : : "m"(no_table));
  for (;;) asm volatile("cli; hlt");
}

}  // namespace bulkhead
