// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "control/machine.h"

#include <algorithm>
#include <cstring>

#include "base/format.h"
#include "control/log.h"
#include "control/x86_64/com2.h"
#include "control/x86_64/ports.h"
#include "control/x86_64/real_time_clock.h"

namespace bulkhead {
namespace {

// Registers in memory are those of hardware-reduced machines, which have other ways to be reached.
bool Apply(const RegisterWrite& write) {
  if (write.width == 0) return true;
  if (write.space != RegisterSpace::kPort || write.address > 0xffff) return false;
  const auto port = static_cast<uint16_t>(write.address);
  const uint64_t old = write.clear == ~uint32_t{0} ? 0 : ReadPort(port, write.width);
  WritePort(port, write.width, (old & ~uint64_t{write.clear}) | write.set);
  return true;
}

// CPUID function 1, ECX bit 30 (AMD APM 3, E.3.2).
bool HasRdrand() {
  uint32_t eax = 1;
  uint32_t ebx, ecx = 0, edx;
  asm volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
  return (ecx >> 30 & 1) != 0;
}

// RDRAND (AMD APM 3): a 64-bit random number, or carry clear when there is none at the moment.
bool Random(uint64_t& number) {
  constexpr int kTries = 10;
  for (int i = 0; i < kTries; ++i) {
    bool ok;
    asm volatile("rdrand %0" : "=r"(number), "=@ccc"(ok));
    // Some processors give all ones for ever once they have slept.
    if (ok && number != ~uint64_t{0}) return true;
  }
  return false;
}

}  // namespace

ElfMachine machine::ProgramMachine() { return ElfMachine::kX86_64; }

uint64_t machine::ReadClock() { return ReadRealTimeClock(); }

bool machine::ReadRandom(std::span<std::byte> out) {
  if (!HasRdrand()) return false;
  while (!out.empty()) {
    uint64_t number;
    if (!Random(number)) return false;
    const size_t part = std::min(sizeof(number), out.size());
    std::memcpy(out.data(), &number, part);
    out = out.subspan(part);
  }
  return true;
}

// Instruction caches see stores (AMD APM 2, 7.6.1).
void machine::SyncInstructions(std::span<const std::byte> /*code*/) {}

UartRegisters* machine::Com2() {
  static constinit ::bulkhead::Com2 com2;
  return &com2;
}

// As the firmware's tables say.
void machine::PowerOff(AcpiTables* tables) {
  ::bulkhead::PowerOff how;
  if (tables == nullptr) return;
  if (const AcpiError error = tables->ReadPowerOff(how); !error.ok()) {
    Text<> text;
    text << "bulkhead: cannot power off: " << error;
    Log(text.view());
    return;
  }
  if (how.smi_port != 0) WritePort(how.smi_port, 1, how.acpi_enable);
  if (Apply(how.first)) Apply(how.second);
}

}  // namespace bulkhead
