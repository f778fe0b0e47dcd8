// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "control/machine.h"

#include "base/align.h"
#include "base/format.h"
#include "base/status.h"
#include "control/log.h"
#include "hypervisor/abi/calls.h"
#include "hypervisor/abi/types.h"

namespace bulkhead {

ElfMachine machine::ProgramMachine() { return ElfMachine::kAarch64; }

// Clocks differ by machine; the loader has read the one there is (RootInfo::wall_clock).
uint64_t machine::ReadClock() { return 0; }

// RNDR exists on some processors (FEAT_RNG, Arm ARM DDI 0487, C5.2.14), but ID_AA64ISAR0_EL1, which
// says on which, cannot be read at EL0.
bool machine::ReadRandom(std::span<std::byte> /*out*/) { return false; }

// Arm ARM DDI 0487, B2.7.4.2. The hypervisor lets user mode do this (SCTLR_EL2.UCI and UCT).
void machine::SyncInstructions(std::span<const std::byte> code) {
  uint64_t type;
  asm volatile("mrs %0, ctr_el0" : "=r"(type));
  const auto start = reinterpret_cast<uint64_t>(code.data());
  const uint64_t end = start + code.size();
  // CTR_EL0 (D17.2.34): the smallest lines, as powers of two of words.
  const uint64_t data_line = uint64_t{4} << (type >> 16 & 15);
  const uint64_t code_line = uint64_t{4} << (type & 15);
  for (uint64_t at = AlignDown(start, data_line); at < end; at += data_line) {
    asm volatile("dc cvau, %0" : : "r"(at) : "memory");
  }
  asm volatile("dsb ish" ::: "memory");
  for (uint64_t at = AlignDown(start, code_line); at < end; at += code_line) {
    asm volatile("ic ivau, %0" : : "r"(at) : "memory");
  }
  asm volatile("dsb ish; isb" ::: "memory");
}

UartRegisters* machine::Com2() { return nullptr; }

// Firmware is called through the hypervisor: SYSTEM_OFF (Arm DEN 0022, 5.10).
void machine::PowerOff(AcpiTables* /*tables*/) {
  const abi::Answer answer =
      call::SystemControl(static_cast<uint64_t>(abi::SystemOperation::kPowerOff), 0, 0, 0);
  Text<> text;
  text << "bulkhead: cannot power off: " << StatusName(answer.status);
  Log(text.view());
}

}  // namespace bulkhead
