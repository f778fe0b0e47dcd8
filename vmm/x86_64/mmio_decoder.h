// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_X86_64_MMIO_DECODER_H_
#define BULKHEAD_VMM_X86_64_MMIO_DECODER_H_

// Instructions that touch a device register: what they are, and what they do to the processor's
// registers. Decoding is Zydis' work; this is a wrapper that accepts what compilers make of a
// volatile access, plus the string and read-modify-write forms that hand-written code uses.

#include <cstdint>
#include <span>

#include "base/status.h"
#include "vmm/x86_64/cpu_state.h"

namespace bulkhead {

enum class MmioOperation : uint8_t {
  kMove,        // mov, movzx, movnti: the source, zero-extended
  kMoveSigned,  // movsx, movsxd
  kExchange,    // xchg with memory
  kAnd,
  kOr,
  kXor,
  kAdd,
  kSub,
  kCompare,      // cmp: flags only
  kTest,         // test: flags only
  kStoreString,  // stos: rAX to ES:rDI
  kLoadString,   // lods: DS:rSI to rAX
  kMoveString,   // movs: DS:rSI to ES:rDI
};

// One side of an instruction that is not the memory operand.
struct MmioRegister {
  uint8_t index = 0;  // into GprFile
  uint8_t width = 0;  // bytes: 1, 2, 4, 8; 0: there is no register
  bool high = false;  // AH, CH, DH, BH: bits 15:8 of registers 0 to 3
};

struct MmioInstruction {
  MmioOperation operation = MmioOperation::kMove;
  uint8_t length = 0;         // bytes
  uint8_t width = 0;          // bytes of the memory operand: 1, 2, 4, 8
  bool reads = false;         // reads the memory operand
  bool writes = false;        // writes it
  bool memory_first = false;  // the memory operand is the first (cmp and sub care)
  MmioRegister reg;
  uint64_t immediate = 0;  // sign-extended; the other side if there is no register

  // String instructions only.
  bool repeat = false;
  uint8_t address_width = 0;  // bytes of rSI, rDI, rCX that count: 2, 4, 8
  SegmentIndex source_segment = kSegDs;

  bool is_string() const { return operation >= MmioOperation::kStoreString; }
};

// Decodes the instruction at the start of `bytes`. kCorrupt: not a whole valid instruction;
// kNotSupported: valid, but none of those above, or without a memory operand.
Result<MmioInstruction> DecodeMmio(std::span<const uint8_t> bytes, CpuMode mode);

uint64_t ReadRegister(const GprFile& gpr, MmioRegister reg);
// By the rules of the architecture: 4 bytes clear the upper half, 1 and 2 bytes leave the rest
// (AMD APM 1, 3.1.2).
void WriteRegister(GprFile& gpr, MmioRegister reg, uint64_t value);

// Does to registers and flags what a non-string instruction does, given what the device answered
// (ignored unless it reads). Returns what goes to the device if it writes. Leaves RIP alone.
uint64_t CompleteMmio(const MmioInstruction& instruction, uint64_t memory, GprFile& gpr,
                      uint64_t& rflags);

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_X86_64_MMIO_DECODER_H_
