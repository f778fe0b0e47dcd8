// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_X86_64_CPU_STATE_H_
#define BULKHEAD_VMM_X86_64_CPU_STATE_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace bulkhead {

// Control register and flag bits that the VMM looks at (AMD APM 2, 3.1; Intel SDM 3A, 2.5).
inline constexpr uint64_t kCr0Pe = 1 << 0;
inline constexpr uint64_t kCr0Et = 1 << 4;
inline constexpr uint64_t kCr0Wp = 1 << 16;
inline constexpr uint64_t kCr0Pg = uint64_t{1} << 31;
inline constexpr uint64_t kCr4Pse = 1 << 4;
inline constexpr uint64_t kCr4Pae = 1 << 5;
inline constexpr uint64_t kCr4La57 = 1 << 12;
inline constexpr uint64_t kCr4Osxsave = 1 << 18;
inline constexpr uint64_t kCr4Smep = 1 << 20;
inline constexpr uint64_t kCr4Smap = 1 << 21;
inline constexpr uint64_t kEferLma = 1 << 10;
inline constexpr uint64_t kEferNxe = 1 << 11;

inline constexpr uint64_t kFlagCarry = 1 << 0;
inline constexpr uint64_t kFlagParity = 1 << 2;
inline constexpr uint64_t kFlagAuxiliary = 1 << 4;
inline constexpr uint64_t kFlagZero = 1 << 6;
inline constexpr uint64_t kFlagSign = 1 << 7;
inline constexpr uint64_t kFlagDirection = 1 << 10;
inline constexpr uint64_t kFlagOverflow = 1 << 11;
inline constexpr uint64_t kFlagAlignmentCheck = 1 << 18;

// Numbers of the general registers, as instructions have them (AMD APM 3, 1.4).
enum GprIndex : uint8_t { kGprRax, kGprRcx, kGprRdx, kGprRbx, kGprRsp, kGprRbp, kGprRsi, kGprRdi };
using GprFile = std::array<uint64_t, 16>;

// Segment registers, as instructions have them.
enum SegmentIndex : uint8_t { kSegEs, kSegCs, kSegSs, kSegDs, kSegFs, kSegGs, kSegCount };

// The part of a virtual processor's state that address translation looks at.
struct PagingState {
  uint64_t cr0 = 0;
  uint64_t cr3 = 0;
  uint64_t cr4 = 0;
  uint64_t efer = 0;
  uint64_t rflags = 0;  // for RFLAGS.AC
  uint8_t cpl = 0;
};

// What emulating an instruction needs to know, and what it may change: gpr, rip, rflags.
struct CpuState {
  GprFile gpr{};
  uint64_t rip = 0;
  uint64_t rflags = 0;
  uint64_t cr0 = 0;
  uint64_t cr3 = 0;
  uint64_t cr4 = 0;
  uint64_t efer = 0;
  uint8_t cpl = 0;
  bool cs_long = false;     // CS.L
  bool cs_default = false;  // CS.D
  std::array<uint64_t, kSegCount> segment_base{};

  PagingState paging() const { return {cr0, cr3, cr4, efer, rflags, cpl}; }
};

inline constexpr size_t kMaxInstructionLength = 15;

enum class CpuMode : uint8_t { k16, k32, k64 };

// The mode that decides what instruction bytes mean (AMD APM 2, 4.8.1).
inline CpuMode ModeOf(const CpuState& cpu) {
  if ((cpu.efer & kEferLma) != 0 && cpu.cs_long) return CpuMode::k64;
  return cpu.cs_default ? CpuMode::k32 : CpuMode::k16;
}

// In 64-bit mode only FS and GS have a base (AMD APM 2, 4.5.3).
inline uint64_t Linear(const CpuState& cpu, SegmentIndex segment, uint64_t offset) {
  if (ModeOf(cpu) != CpuMode::k64) {
    return (cpu.segment_base[segment] + offset) & 0xffffffff;
  }
  const bool has_base = segment == kSegFs || segment == kSegGs;
  return offset + (has_base ? cpu.segment_base[segment] : 0);
}

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_X86_64_CPU_STATE_H_
