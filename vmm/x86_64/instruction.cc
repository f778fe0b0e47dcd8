// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/x86_64/instruction.h"

#include <algorithm>

namespace bulkhead {

bool DecodeInstruction(std::span<const uint8_t> bytes, CpuMode mode, Instruction& out) {
  ZydisDecoder decoder;
  const bool initialized = ZYAN_SUCCESS(
      mode == CpuMode::k64
          ? ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)
      : mode == CpuMode::k32
          ? ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_COMPAT_32, ZYDIS_STACK_WIDTH_32)
          : ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_COMPAT_16, ZYDIS_STACK_WIDTH_16));
  return initialized && ZYAN_SUCCESS(ZydisDecoderDecodeFull(
                            &decoder, bytes.data(), std::min(bytes.size(), kMaxInstructionLength),
                            &out.decoded, out.operands));
}

SegmentIndex SegmentOf(ZydisRegister reg) {
  switch (reg) {
    case ZYDIS_REGISTER_ES:
      return kSegEs;
    case ZYDIS_REGISTER_CS:
      return kSegCs;
    case ZYDIS_REGISTER_SS:
      return kSegSs;
    case ZYDIS_REGISTER_FS:
      return kSegFs;
    case ZYDIS_REGISTER_GS:
      return kSegGs;
    default:
      return kSegDs;
  }
}

}  // namespace bulkhead
