// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/x86_64/string_io.h"

#include <array>
#include <cstring>
#include <span>

#include "vmm/x86_64/guest_page_walk.h"
#include "vmm/x86_64/instruction.h"
#include "vmm/x86_64/mmio_decoder.h"

namespace bulkhead {
namespace {

using Kind = StringIoOutcome::Kind;

// What only the instruction's bytes say.
struct Form {
  uint8_t length = 0;         // bytes
  uint8_t address_width = 0;  // bytes of rSI, rDI and rCX that count: 2, 4, 8
  SegmentIndex segment = kSegDs;
};

bool IsForm(ZydisMnemonic mnemonic, bool in) {
  switch (mnemonic) {
    case ZYDIS_MNEMONIC_INSB:
    case ZYDIS_MNEMONIC_INSW:
    case ZYDIS_MNEMONIC_INSD:
      return in;
    case ZYDIS_MNEMONIC_OUTSB:
    case ZYDIS_MNEMONIC_OUTSW:
    case ZYDIS_MNEMONIC_OUTSD:
      return !in;
    default:
      return false;
  }
}

bool FetchForm(const CpuState& cpu, const GuestMemory& memory, bool in, Form& form) {
  const uint64_t rip = ModeOf(cpu) == CpuMode::k64 ? cpu.rip : cpu.rip & 0xffffffff;
  std::array<uint8_t, kMaxInstructionLength> bytes = {};
  size_t count = 0;
  (void)ReadLinear(cpu.paging(), memory, Linear(cpu, kSegCs, rip), LinearAccess::kFetch, bytes,
                   count);
  Instruction instruction;
  if (!DecodeInstruction(std::span(bytes).first(count), ModeOf(cpu), instruction) ||
      !IsForm(instruction.decoded.mnemonic, in)) {
    return false;
  }
  form.length = instruction.decoded.length;
  form.address_width = static_cast<uint8_t>(instruction.decoded.address_width / 8);
  // Only the source's segment can be chosen. It is the second operand; the port is the first.
  form.segment = in ? kSegEs : SegmentOf(instruction.operands[1].mem.segment);
  return true;
}

StringIoOutcome Refused(const Translation& at) {
  switch (at.outcome) {
    case Translation::Outcome::kPageFault:
      return {Kind::kPageFault, at.error_code, at.linear};
    case Translation::Outcome::kNonCanonical:
      return {Kind::kGeneralProtection};
    default:
      return {Kind::kUnsupported};
  }
}

}  // namespace

StringIoOutcome EmulateStringIo(CpuState& cpu, const GuestMemory& memory, const StringIo& io,
                                const PortBus& bus) {
  Form form;
  if (!FetchForm(cpu, memory, io.in, form)) return {Kind::kUnsupported};
  const auto finish = [&] {
    cpu.rip += form.length;
    if (ModeOf(cpu) != CpuMode::k64) cpu.rip &= 0xffffffff;
  };
  const MmioRegister counter = {kGprRcx, form.address_width, false};
  const MmioRegister pointer = {io.in ? kGprRdi : kGprRsi, form.address_width, false};
  const uint64_t left = io.repeat ? ReadRegister(cpu.gpr, counter) : 1;
  if (left == 0) {
    finish();
    return {};
  }

  const uint64_t offset = ReadRegister(cpu.gpr, pointer);
  const uint64_t linear = Linear(cpu, form.segment, offset);
  std::array<uint8_t, 4> bytes = {};
  const auto element = std::span(bytes).first(io.width);
  uint32_t value = 0;
  size_t count = 0;
  Translation at;
  if (io.in) {
    value = bus.read(bus.context, io.port, io.width);
    std::memcpy(bytes.data(), &value, sizeof(value));
    at = WriteLinear(cpu.paging(), memory, linear, element, count);
  } else {
    at = ReadLinear(cpu.paging(), memory, linear, LinearAccess::kRead, element, count);
  }
  if (count != io.width) return Refused(at);
  if (!io.in) {
    std::memcpy(&value, bytes.data(), sizeof(value));
    bus.write(bus.context, io.port, io.width, value);
  }

  const bool backwards = (cpu.rflags & kFlagDirection) != 0;
  WriteRegister(cpu.gpr, pointer, backwards ? offset - io.width : offset + io.width);
  if (io.repeat) WriteRegister(cpu.gpr, counter, left - 1);
  if (left == 1) finish();
  return {};
}

}  // namespace bulkhead
