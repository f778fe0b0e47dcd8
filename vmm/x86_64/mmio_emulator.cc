// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/x86_64/mmio_emulator.h"

#include <cstring>

#include "base/format.h"
#include "vmm/x86_64/guest_page_walk.h"

namespace bulkhead {
namespace {

using Kind = MmioOutcome::Kind;

uint64_t WidthMask(uint8_t width) {
  return width >= 8 ? ~uint64_t{0} : (uint64_t{1} << (width * 8)) - 1;
}

MmioOutcome PageFault(const Translation& translation) {
  MmioOutcome outcome;
  outcome.kind = Kind::kPageFault;
  outcome.error_code = translation.error_code;
  outcome.address = translation.linear;
  return outcome;
}

class Emulation {
 public:
  Emulation(CpuState& cpu, const GuestMemory& memory, GuestPhysical fault, bool is_write,
            const MmioBus& bus)
      : cpu_(cpu), memory_(memory), fault_(fault), is_write_(is_write), bus_(bus) {}

  MmioOutcome Run() {
    if (!Fetch()) return Failed(Kind::kNoFetch);
    const auto decoded = DecodeMmio({fetched_.data(), fetched_count_}, ModeOf(cpu_));
    if (!decoded.ok()) return Failed(Kind::kUnsupported);
    instruction_ = *decoded;
    return instruction_.is_string() ? String() : Simple();
  }

 private:
  MmioOutcome Failed(Kind kind) const {
    MmioOutcome outcome;
    outcome.kind = kind;
    outcome.address = Raw(fault_);
    outcome.bytes = fetched_;
    outcome.byte_count = static_cast<uint8_t>(fetched_count_);
    return outcome;
  }

  bool Fetch() {
    const uint64_t rip = ModeOf(cpu_) == CpuMode::k64 ? cpu_.rip : cpu_.rip & 0xffffffff;
    // What is not there may not be needed: an instruction can end where its page does.
    (void)ReadLinear(cpu_.paging(), memory_, Linear(cpu_, kSegCs, rip), LinearAccess::kFetch,
                     fetched_, fetched_count_);
    return fetched_count_ > 0;
  }

  void Advance() {
    cpu_.rip += instruction_.length;
    if (ModeOf(cpu_) != CpuMode::k64) cpu_.rip &= 0xffffffff;
  }

  MmioOutcome Simple() {
    uint64_t value = 0;
    if (instruction_.reads && !bus_.read(bus_.context, fault_, instruction_.width, &value)) {
      return Failed(Kind::kNoDevice);
    }
    GprFile gpr = cpu_.gpr;
    uint64_t rflags = cpu_.rflags;
    const uint64_t out = CompleteMmio(instruction_, value, gpr, rflags);
    if (instruction_.writes && !bus_.write(bus_.context, fault_, instruction_.width, out)) {
      return Failed(Kind::kNoDevice);
    }
    cpu_.gpr = gpr;
    cpu_.rflags = rflags;
    Advance();
    return {};
  }

  uint64_t Pointer(GprIndex index) const {
    return cpu_.gpr[index] & WidthMask(instruction_.address_width);
  }

  void Step(GprIndex index, uint64_t by) {
    WriteRegister(cpu_.gpr, {index, instruction_.address_width, false}, cpu_.gpr[index] + by);
  }

  // The side of MOVS that the exit was not about: memory most often, a device perhaps.
  MmioOutcome Load(uint64_t linear, uint64_t* value) {
    std::array<uint8_t, 8> buffer{};
    size_t count = 0;
    const Translation at = ReadLinear(cpu_.paging(), memory_, linear, LinearAccess::kRead,
                                      std::span(buffer).first(instruction_.width), count);
    if (!at.ok()) return Refused(at);
    std::memcpy(value, buffer.data(), sizeof(*value));
    if (count == instruction_.width) return {};
    const Translation device = TranslateLinear(cpu_.paging(), memory_, linear, LinearAccess::kRead);
    return Answered(device, bus_.read(bus_.context, device.address, instruction_.width, value));
  }

  MmioOutcome Store(uint64_t linear, uint64_t value) {
    std::array<uint8_t, 8> buffer{};
    std::memcpy(buffer.data(), &value, sizeof(value));
    size_t count = 0;
    const Translation at = WriteLinear(cpu_.paging(), memory_, linear,
                                       std::span(buffer).first(instruction_.width), count);
    if (!at.ok()) return Refused(at);
    if (count == instruction_.width) return {};
    const Translation device =
        TranslateLinear(cpu_.paging(), memory_, linear, LinearAccess::kWrite);
    return Answered(device, bus_.write(bus_.context, device.address, instruction_.width, value));
  }

  MmioOutcome Refused(const Translation& at) const {
    return at.outcome == Translation::Outcome::kPageFault ? PageFault(at)
                                                          : Failed(Kind::kUnsupported);
  }

  MmioOutcome Answered(const Translation& device, bool answered) const {
    if (answered) return {};
    MmioOutcome outcome = Failed(Kind::kNoDevice);
    outcome.address = Raw(device.address);
    return outcome;
  }

  MmioOutcome String() {
    const MmioOperation operation = instruction_.operation;
    const bool is_move = operation == MmioOperation::kMoveString;
    const uint64_t source = Linear(cpu_, instruction_.source_segment, Pointer(kGprRsi));
    const uint64_t destination = Linear(cpu_, kSegEs, Pointer(kGprRdi));
    uint64_t value = 0;

    // Which side of MOVS is the device follows from what was refused: a store or a load.
    if (operation == MmioOperation::kStoreString) {
      value = ReadRegister(cpu_.gpr, instruction_.reg);
    } else if (is_move && is_write_) {
      const MmioOutcome loaded = Load(source, &value);
      if (loaded.kind != Kind::kDone) return loaded;
    } else if (!bus_.read(bus_.context, fault_, instruction_.width, &value)) {
      return Failed(Kind::kNoDevice);
    }

    if (operation == MmioOperation::kLoadString) {
      WriteRegister(cpu_.gpr, instruction_.reg, value);
    } else if (is_move && !is_write_) {
      const MmioOutcome stored = Store(destination, value);
      if (stored.kind != Kind::kDone) return stored;
    } else if (!bus_.write(bus_.context, fault_, instruction_.width, value)) {
      return Failed(Kind::kNoDevice);
    }
    FinishElement();
    return {};
  }

  void FinishElement() {
    const uint64_t by = (cpu_.rflags & kFlagDirection) != 0 ? uint64_t{0} - instruction_.width
                                                            : uint64_t{instruction_.width};
    if (instruction_.operation != MmioOperation::kStoreString) Step(kGprRsi, by);
    if (instruction_.operation != MmioOperation::kLoadString) Step(kGprRdi, by);
    if (!instruction_.repeat) return Advance();
    Step(kGprRcx, ~uint64_t{0});
    // Otherwise the same instruction exits again for its next element.
    if (Pointer(kGprRcx) == 0) Advance();
  }

  CpuState& cpu_;
  const GuestMemory& memory_;
  const GuestPhysical fault_;
  const bool is_write_;
  const MmioBus& bus_;
  std::array<uint8_t, kMaxInstructionLength> fetched_{};
  size_t fetched_count_ = 0;
  MmioInstruction instruction_;
};

}  // namespace

MmioOutcome EmulateMmio(CpuState& cpu, const GuestMemory& memory, GuestPhysical fault,
                        bool is_write, const MmioBus& bus) {
  return Emulation(cpu, memory, fault, is_write, bus).Run();
}

void DescribeMmioOutcome(const MmioOutcome& outcome, uint64_t rip, TextWriter& out) {
  switch (outcome.kind) {
    case Kind::kNoDevice:
      out << "access to " << Hex{outcome.address} << ", where there is neither memory nor device";
      break;
    case Kind::kNoFetch:
      // The exit was for the fetch itself.
      out << "execution at " << Hex{outcome.address} << ", where there is no memory";
      break;
    case Kind::kUnsupported:
      out << "access to device at " << Hex{outcome.address}
          << " by an instruction that is not emulated";
      break;
    default:
      return;
  }
  out << " (rip " << Hex{rip};
  if (outcome.byte_count != 0) {
    out << ", bytes";
    for (uint8_t i = 0; i < outcome.byte_count; ++i) {
      constexpr char kDigits[] = "0123456789abcdef";
      out << ' ' << kDigits[outcome.bytes[i] >> 4] << kDigits[outcome.bytes[i] & 15];
    }
  }
  out << ")";
}

}  // namespace bulkhead
