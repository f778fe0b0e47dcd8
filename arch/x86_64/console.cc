// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The log UART (16550, polled) and the machine's ports.

#include "arch/cpu.h"
#include "arch/x86_64/registers.h"

namespace bulkhead::arch {
namespace {

constexpr uint16_t kLineStatus = 5;
constexpr uint8_t kTransmitterEmpty = 1 << 5;
constexpr int kPatience =
    100000;  // reads of the status: a UART that never empties is not waited for

uint16_t g_port = 0;

}  // namespace

void InitializeConsole(const BootInfo& boot) {
  g_port =
      boot.serial_kind == SerialKind::kPort16550 ? static_cast<uint16_t>(boot.serial_address) : 0;
  if (g_port == 0) return;
  Out8(g_port + 1, 0);     // no interrupts
  Out8(g_port + 3, 0x80);  // divisor latch
  Out8(g_port + 0, 1);     // 115200 baud
  Out8(g_port + 1, 0);
  Out8(g_port + 3, 3);  // 8 data bits, no parity, 1 stop bit
  Out8(g_port + 2, 7);  // FIFOs on and empty
}

void PutChar(char c) {
  if (g_port == 0) return;
  for (int i = 0; i < kPatience && (In8(g_port + kLineStatus) & kTransmitterEmpty) == 0; ++i) {
  }
  Out8(g_port, static_cast<uint8_t>(c));
}

Result<uint64_t> PortRead(uint16_t port, unsigned width) {
  uint32_t value = 0;
  switch (width) {
    case 1:
      value = In8(port);
      break;
    case 2:
      asm volatile("inw %w1, %w0" : "=a"(value) : "Nd"(port));
      value &= 0xffff;
      break;
    default:
      asm volatile("inl %w1, %0" : "=a"(value) : "Nd"(port));
      break;
  }
  return uint64_t{value};
}

Status PortWrite(uint16_t port, unsigned width, uint64_t value) {
  const auto word = static_cast<uint32_t>(value);
  switch (width) {
    case 1:
      Out8(port, static_cast<uint8_t>(word));
      break;
    case 2:
      asm volatile("outw %w0, %w1" : : "a"(word), "Nd"(port));
      break;
    default:
      asm volatile("outl %0, %w1" : : "a"(word), "Nd"(port));
      break;
  }
  return Status::kOk;
}

// How to do it stands in ACPI tables, which only user mode reads.
Status PowerOffMachine() { return Status::kNotSupported; }

void ResetMachine() {
  // The reset control register every PC chipset has at 0xcf9; then, where there is none, a triple
  // fault by way of an empty interrupt table.
  Out8(0xcf9, 0x06);
  struct [[gnu::packed]] {
    uint16_t limit;
    uint64_t base;
  } const none = {0, 0};
  asm volatile("lidt %0; int3" : : "m"(none));
  for (;;) asm volatile("cli; hlt");
}

}  // namespace bulkhead::arch
