// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/x86_64/mmio_decoder.h"

#include <bit>

#include "vmm/x86_64/instruction.h"

namespace bulkhead {
namespace {

constexpr uint64_t Mask(uint8_t width) {
  return width >= 8 ? ~uint64_t{0} : (uint64_t{1} << (width * 8)) - 1;
}

constexpr uint64_t SignBit(uint8_t width) { return uint64_t{1} << (width * 8 - 1); }

constexpr uint64_t SignExtend(uint64_t value, uint8_t width) {
  value &= Mask(width);
  return (value ^ SignBit(width)) - SignBit(width);
}

struct Form {
  ZydisMnemonic mnemonic;
  MmioOperation operation;
  bool locks;  // LOCK is allowed and changes nothing: a device sees one access after the other
};

constexpr Form kForms[] = {
    {ZYDIS_MNEMONIC_MOV, MmioOperation::kMove, false},
    {ZYDIS_MNEMONIC_MOVZX, MmioOperation::kMove, false},
    {ZYDIS_MNEMONIC_MOVNTI, MmioOperation::kMove, false},
    {ZYDIS_MNEMONIC_MOVSX, MmioOperation::kMoveSigned, false},
    {ZYDIS_MNEMONIC_MOVSXD, MmioOperation::kMoveSigned, false},
    {ZYDIS_MNEMONIC_XCHG, MmioOperation::kExchange, true},
    {ZYDIS_MNEMONIC_AND, MmioOperation::kAnd, true},
    {ZYDIS_MNEMONIC_OR, MmioOperation::kOr, true},
    {ZYDIS_MNEMONIC_XOR, MmioOperation::kXor, true},
    {ZYDIS_MNEMONIC_ADD, MmioOperation::kAdd, true},
    {ZYDIS_MNEMONIC_SUB, MmioOperation::kSub, true},
    {ZYDIS_MNEMONIC_CMP, MmioOperation::kCompare, false},
    {ZYDIS_MNEMONIC_TEST, MmioOperation::kTest, false},
    {ZYDIS_MNEMONIC_STOSB, MmioOperation::kStoreString, false},
    {ZYDIS_MNEMONIC_STOSW, MmioOperation::kStoreString, false},
    {ZYDIS_MNEMONIC_STOSD, MmioOperation::kStoreString, false},
    {ZYDIS_MNEMONIC_STOSQ, MmioOperation::kStoreString, false},
    {ZYDIS_MNEMONIC_LODSB, MmioOperation::kLoadString, false},
    {ZYDIS_MNEMONIC_LODSW, MmioOperation::kLoadString, false},
    {ZYDIS_MNEMONIC_LODSD, MmioOperation::kLoadString, false},
    {ZYDIS_MNEMONIC_LODSQ, MmioOperation::kLoadString, false},
    {ZYDIS_MNEMONIC_MOVSB, MmioOperation::kMoveString, false},
    {ZYDIS_MNEMONIC_MOVSW, MmioOperation::kMoveString, false},
    // Also the name of an SSE instruction, which has no memory operand of a general width.
    {ZYDIS_MNEMONIC_MOVSD, MmioOperation::kMoveString, false},
    {ZYDIS_MNEMONIC_MOVSQ, MmioOperation::kMoveString, false},
};

const Form* FindForm(ZydisMnemonic mnemonic) {
  for (const Form& form : kForms) {
    if (form.mnemonic == mnemonic) return &form;
  }
  return nullptr;
}

constexpr bool IsGeneralWidth(unsigned bits) {
  return bits == 8 || bits == 16 || bits == 32 || bits == 64;
}

// Nothing (width 0) for what is not a general register.
MmioRegister RegisterOf(ZydisRegister reg) {
  const int id = ZydisRegisterGetId(reg);
  switch (ZydisRegisterGetClass(reg)) {
    case ZYDIS_REGCLASS_GPR8:
      // Numbered AL CL DL BL, AH CH DH BH, SPL BPL SIL DIL, R8B and on.
      if (id < 4) return {static_cast<uint8_t>(id), 1, false};
      if (id < 8) return {static_cast<uint8_t>(id - 4), 1, true};
      return {static_cast<uint8_t>(id - 4), 1, false};
    case ZYDIS_REGCLASS_GPR16:
      return {static_cast<uint8_t>(id), 2, false};
    case ZYDIS_REGCLASS_GPR32:
      return {static_cast<uint8_t>(id), 4, false};
    case ZYDIS_REGCLASS_GPR64:
      return {static_cast<uint8_t>(id), 8, false};
    default:
      return {};
  }
}

void SetAccess(MmioInstruction& out) {
  switch (out.operation) {
    case MmioOperation::kMove:
    case MmioOperation::kMoveSigned:
      out.reads = !out.memory_first;
      out.writes = out.memory_first;
      return;
    case MmioOperation::kExchange:
      out.reads = out.writes = true;
      return;
    case MmioOperation::kCompare:
    case MmioOperation::kTest:
      out.reads = true;
      return;
    default:
      out.reads = true;
      out.writes = out.memory_first;
      return;
  }
}

Result<MmioInstruction> StringForm(const ZydisDecodedInstruction& decoded,
                                   const ZydisDecodedOperand* operands, MmioInstruction out) {
  // Reserved on these (AMD APM 3, 1.2.6); Zydis does not say that it is there.
  for (int i = 0; i < decoded.raw.prefix_count; ++i) {
    if (decoded.raw.prefixes[i].value == 0xf2) return Status::kNotSupported;
  }
  out.repeat = (decoded.attributes & ZYDIS_ATTRIB_HAS_REP) != 0;
  out.address_width = static_cast<uint8_t>(decoded.address_width / 8);
  out.width = static_cast<uint8_t>(operands[0].size / 8);
  out.reg = {kGprRax, out.width, false};
  out.reads = out.operation != MmioOperation::kStoreString;
  out.writes = out.operation != MmioOperation::kLoadString;
  if (out.reads) out.source_segment = SegmentOf(operands[1].mem.segment);
  return out;
}

void SetLogicFlags(uint64_t result, uint8_t width, uint64_t& rflags) {
  rflags &= ~(kFlagCarry | kFlagParity | kFlagAuxiliary | kFlagZero | kFlagSign | kFlagOverflow);
  if ((result & Mask(width)) == 0) rflags |= kFlagZero;
  if ((result & SignBit(width)) != 0) rflags |= kFlagSign;
  if (std::popcount(result & 0xff) % 2 == 0) rflags |= kFlagParity;
}

uint64_t Add(uint64_t a, uint64_t b, uint8_t width, uint64_t& rflags) {
  const uint64_t result = (a + b) & Mask(width);
  SetLogicFlags(result, width, rflags);
  if (result < (a & Mask(width))) rflags |= kFlagCarry;
  if (((a ^ b ^ result) & 0x10) != 0) rflags |= kFlagAuxiliary;
  if (((a ^ result) & (b ^ result) & SignBit(width)) != 0) rflags |= kFlagOverflow;
  return result;
}

uint64_t Subtract(uint64_t a, uint64_t b, uint8_t width, uint64_t& rflags) {
  const uint64_t result = (a - b) & Mask(width);
  SetLogicFlags(result, width, rflags);
  if ((a & Mask(width)) < (b & Mask(width))) rflags |= kFlagCarry;
  if (((a ^ b ^ result) & 0x10) != 0) rflags |= kFlagAuxiliary;
  if (((a ^ b) & (a ^ result) & SignBit(width)) != 0) rflags |= kFlagOverflow;
  return result;
}

}  // namespace

Result<MmioInstruction> DecodeMmio(std::span<const uint8_t> bytes, CpuMode mode) {
  Instruction instruction;
  if (!DecodeInstruction(bytes, mode, instruction)) return Status::kCorrupt;
  const ZydisDecodedInstruction& decoded = instruction.decoded;
  const ZydisDecodedOperand* operands = instruction.operands;
  const Form* form = FindForm(decoded.mnemonic);
  if (form == nullptr || decoded.operand_count < 2) return Status::kNotSupported;
  if ((decoded.attributes & ZYDIS_ATTRIB_HAS_LOCK) != 0 && !form->locks) {
    return Status::kNotSupported;
  }

  MmioInstruction out;
  out.operation = form->operation;
  out.length = decoded.length;
  const ZydisDecodedOperand& first = operands[0];
  const ZydisDecodedOperand& second = operands[1];
  const bool first_is_memory = first.type == ZYDIS_OPERAND_TYPE_MEMORY;
  const bool second_is_memory = second.type == ZYDIS_OPERAND_TYPE_MEMORY;
  if (!IsGeneralWidth(first.size) || !IsGeneralWidth(second.size)) return Status::kNotSupported;
  if (out.is_string()) {
    // The SSE namesake has a vector register on one side.
    const bool fits = (out.operation == MmioOperation::kLoadString || first_is_memory) &&
                      (out.operation == MmioOperation::kStoreString || second_is_memory);
    if (!fits) return Status::kNotSupported;
    return StringForm(decoded, operands, out);
  }
  if (first_is_memory == second_is_memory) return Status::kNotSupported;
  const ZydisDecodedOperand& memory = first_is_memory ? first : second;
  const ZydisDecodedOperand& other = first_is_memory ? second : first;
  if (memory.mem.type != ZYDIS_MEMOP_TYPE_MEM) return Status::kNotSupported;
  out.width = static_cast<uint8_t>(memory.size / 8);
  out.memory_first = first_is_memory;
  if (other.type == ZYDIS_OPERAND_TYPE_REGISTER) {
    out.reg = RegisterOf(other.reg.value);
    if (out.reg.width == 0) return Status::kNotSupported;  // a segment register
  } else if (other.type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
    out.immediate = other.imm.is_signed
                        ? static_cast<uint64_t>(other.imm.value.s)
                        : SignExtend(other.imm.value.u, static_cast<uint8_t>(other.size / 8));
  } else {
    return Status::kNotSupported;
  }
  SetAccess(out);
  return out;
}

uint64_t ReadRegister(const GprFile& gpr, MmioRegister reg) {
  return (reg.high ? gpr[reg.index] >> 8 : gpr[reg.index]) & Mask(reg.width);
}

void WriteRegister(GprFile& gpr, MmioRegister reg, uint64_t value) {
  uint64_t& out = gpr[reg.index];
  if (reg.high) {
    out = (out & ~uint64_t{0xff00}) | (value & 0xff) << 8;
  } else if (reg.width >= 4) {
    out = value & Mask(reg.width);
  } else {
    out = (out & ~Mask(reg.width)) | (value & Mask(reg.width));
  }
}

uint64_t CompleteMmio(const MmioInstruction& instruction, uint64_t memory, GprFile& gpr,
                      uint64_t& rflags) {
  const uint8_t width = instruction.width;
  const bool has_register = instruction.reg.width != 0;
  const uint64_t other =
      has_register ? ReadRegister(gpr, instruction.reg) : instruction.immediate & Mask(width);
  memory &= Mask(width);
  const uint64_t left = instruction.memory_first ? memory : other;
  const uint64_t right = instruction.memory_first ? other : memory;
  uint64_t result = 0;
  switch (instruction.operation) {
    case MmioOperation::kMove:
      result = right;
      break;
    case MmioOperation::kMoveSigned:
      result = SignExtend(right, width);
      break;
    case MmioOperation::kExchange:
      WriteRegister(gpr, instruction.reg, memory);
      return other & Mask(width);
    case MmioOperation::kAnd:
      result = left & right;
      SetLogicFlags(result, width, rflags);
      break;
    case MmioOperation::kOr:
      result = left | right;
      SetLogicFlags(result, width, rflags);
      break;
    case MmioOperation::kXor:
      result = left ^ right;
      SetLogicFlags(result, width, rflags);
      break;
    case MmioOperation::kAdd:
      result = Add(left, right, width, rflags);
      break;
    case MmioOperation::kSub:
      result = Subtract(left, right, width, rflags);
      break;
    case MmioOperation::kCompare:
      Subtract(left, right, width, rflags);
      return 0;
    case MmioOperation::kTest:
      SetLogicFlags(left & right, width, rflags);
      return 0;
    case MmioOperation::kStoreString:
    case MmioOperation::kLoadString:
    case MmioOperation::kMoveString:
      return 0;  // not for string instructions
  }
  if (instruction.writes) return result & Mask(width);
  WriteRegister(gpr, instruction.reg, result);
  return 0;
}

}  // namespace bulkhead
