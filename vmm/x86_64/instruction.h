// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_X86_64_INSTRUCTION_H_
#define BULKHEAD_VMM_X86_64_INSTRUCTION_H_

// Zydis in this VMM's terms: an instruction's bytes taken apart, and names of registers.

#include <cstdint>
#include <span>

#include "Zydis/Zydis.h"
#include "vmm/x86_64/cpu_state.h"

namespace bulkhead {

struct Instruction {
  ZydisDecodedInstruction decoded;
  ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
};

// False: `bytes` do not begin with a whole valid instruction of this mode.
bool DecodeInstruction(std::span<const uint8_t> bytes, CpuMode mode, Instruction& out);

// DS for what is not a segment register.
SegmentIndex SegmentOf(ZydisRegister reg);

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_X86_64_INSTRUCTION_H_
