// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_GUEST_TESTGUEST_X86_64_CONTROL_REGISTERS_H_
#define BULKHEAD_GUEST_TESTGUEST_X86_64_CONTROL_REGISTERS_H_

// Bits of the control registers (AMD APM 2, 3.1; Intel SDM 3A, 2.5), and values that last as long
// as a check.

#include <cstdint>
#include <string_view>

#include "guest/testguest/x86_64/cpu.h"

namespace bulkhead::testguest {

inline constexpr uint64_t kCr0Pe = 1 << 0;
inline constexpr uint64_t kCr0Mp = 1 << 1;
inline constexpr uint64_t kCr0Em = 1 << 2;
inline constexpr uint64_t kCr0Ts = 1 << 3;
inline constexpr uint64_t kCr0Et = 1 << 4;
inline constexpr uint64_t kCr0Ne = 1 << 5;
inline constexpr uint64_t kCr0Wp = 1 << 16;
inline constexpr uint64_t kCr0Am = 1 << 18;
inline constexpr uint64_t kCr0Nw = 1 << 29;
inline constexpr uint64_t kCr0Cd = 1 << 30;
inline constexpr uint64_t kCr0Pg = uint64_t{1} << 31;

inline constexpr uint64_t kCr4Vme = 1 << 0;
inline constexpr uint64_t kCr4Pvi = 1 << 1;
inline constexpr uint64_t kCr4Tsd = 1 << 2;
inline constexpr uint64_t kCr4De = 1 << 3;
inline constexpr uint64_t kCr4Pse = 1 << 4;
inline constexpr uint64_t kCr4Pae = 1 << 5;
inline constexpr uint64_t kCr4Pge = 1 << 7;
inline constexpr uint64_t kCr4Pce = 1 << 8;
inline constexpr uint64_t kCr4Osfxsr = 1 << 9;
inline constexpr uint64_t kCr4Osxmmexcpt = 1 << 10;
inline constexpr uint64_t kCr4Umip = 1 << 11;
inline constexpr uint64_t kCr4Vmxe = 1 << 13;
inline constexpr uint64_t kCr4FsGsBase = 1 << 16;
inline constexpr uint64_t kCr4Pcide = 1 << 17;
inline constexpr uint64_t kCr4Osxsave = 1 << 18;
inline constexpr uint64_t kCr4Smep = 1 << 20;
inline constexpr uint64_t kCr4Smap = 1 << 21;

// Whether the processor refuses bits of CR0 that do not exist, as it should. QEMU's emulator
// ignores them. There are things that it must not even be asked, because it loses its way or stops:
// a check that would ask them is skipped where this is false.
bool RefusesReservedBits();
inline constexpr std::string_view kTakesReservedBits = "this processor takes reserved bits of CR0";

// CR0 and CR4 are as they were again when it is gone.
class ScopedControl {
 public:
  ScopedControl() = default;
  ~ScopedControl() {
    WriteCr0(cr0_);
    WriteCr4(cr4_);
  }
  ScopedControl(const ScopedControl&) = delete;
  ScopedControl& operator=(const ScopedControl&) = delete;

  uint64_t cr0() const { return cr0_; }
  uint64_t cr4() const { return cr4_; }

 private:
  const uint64_t cr0_ = ReadCr0();
  const uint64_t cr4_ = ReadCr4();
};

}  // namespace bulkhead::testguest

#endif  // BULKHEAD_GUEST_TESTGUEST_X86_64_CONTROL_REGISTERS_H_
