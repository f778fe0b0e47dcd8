// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The log UART (PL011, polled; Arm DDI 0183), and the firmware's power calls.

#include "arch/aarch64/console.h"

#include "arch/aarch64/psci.h"
#include "arch/cpu.h"

namespace bulkhead::arch {
namespace {

constexpr uint64_t kData = 0x00;
constexpr uint64_t kFlags = 0x18;
constexpr uint32_t kTransmitFull = 1 << 5;
// Reads of the flags: a UART that never empties is not waited for.
constexpr int kPatience = 100000;

// The firmware set it up; 0: there is none.
uint64_t g_uart = 0;

volatile uint32_t& Register(uint64_t offset) {
  return *reinterpret_cast<volatile uint32_t*>(g_uart + offset);
}

}  // namespace

void InitializeConsole(const BootInfo& boot) {
  g_uart = boot.serial_kind == SerialKind::kPl011 ? boot.serial_address : 0;
}

bool HasConsole() { return g_uart != 0; }
void MoveConsole(uint64_t address) { g_uart = address; }

void PutChar(char c) {
  if (g_uart == 0) return;
  for (int i = 0; i < kPatience && (Register(kFlags) & kTransmitFull) != 0; ++i) {
  }
  Register(kData) = static_cast<uint8_t>(c);
}

Status PowerOffMachine() {
  CallPsci(kPsciSystemOff);
  return Status::kNotSupported;
}

void ResetMachine() {
  CallPsci(kPsciSystemReset);
  for (;;) asm volatile("wfi");
}

}  // namespace bulkhead::arch
