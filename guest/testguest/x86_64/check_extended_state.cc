// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// XCR0: which states the guest may turn on, and what CPUID says then (Intel SDM 1, 13.3).

#include <cstdint>

#include "guest/testguest/tap.h"
#include "guest/testguest/x86_64/control_registers.h"
#include "guest/testguest/x86_64/features.h"
#include "guest/testguest/x86_64/interrupts.h"
#include "guest/testguest/x86_64/processor_checks.h"
#include "guest/testguest/x86_64/user_mode.h"

namespace bulkhead::testguest {
namespace {

constexpr uint64_t kX87 = 1, kSse = 2, kAvxState = 4;

void SetXcr(uint32_t index, uint64_t value) {
  asm volatile("xsetbv"
               :
               : "c"(index), "a"(static_cast<uint32_t>(value)),
                 "d"(static_cast<uint32_t>(value >> 32))
               : "memory");
}
uint64_t GetXcr0() {
  uint32_t low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t{high} << 32 | low;
}

void CheckAccepted(uint64_t value, uint32_t bytes, const char* what) {
  const bool ok = Try([&] { SetXcr(0, value); }).none() && GetXcr0() == value;
  (void)ReadMsr(0x802);
  const Cpuid state = GetCpuid(0xd);
  Check(ok && GetXcr0() == value && state.ebx == bytes && state.ecx >= bytes, what);
}

USER_CODE(UserSet, "xorl %ecx, %ecx; xorl %edx, %edx; movl $1, %eax; xsetbv")

void CheckValues() {
  CheckAccepted(kX87, 576, "XSETBV: x87; CPUID 0xd follows");
  CheckAccepted(kX87 | kSse, 576, "XSETBV: SSE; CPUID 0xd follows");
  if (Has(kAvx)) {
    CheckAccepted(kX87 | kSse | kAvxState, 832, "XSETBV: AVX; CPUID 0xd follows");
    const Cpuid avx = GetCpuid(0xd, 2);
    Check(avx.eax == 256 && avx.ebx == 576, "CPUID 0xd: place and size of the AVX state");
  } else {
    Skip("XSETBV: AVX; CPUID 0xd follows", "no AVX");
    Skip("CPUID 0xd: place and size of the AVX state", "no AVX");
  }
}

void CheckRefusedValues() {
  struct {
    uint32_t index;
    uint64_t value;
    const char* what;
  } static constexpr kRefused[] = {
      {0, 0, "XSETBV without x87: #GP"},
      {0, kSse, "XSETBV of SSE without x87: #GP"},
      {0, kX87 | kAvxState, "XSETBV of AVX without SSE: #GP"},
      {0, kX87 | uint64_t{1} << 62, "XSETBV of a state that does not exist: #GP"},
      {0, kX87 | uint64_t{1} << 63, "XSETBV of a reserved bit: #GP"},
      {1, kX87, "XSETBV of another register: #GP"},
  };
  const uint64_t before = GetXcr0();
  for (const auto& [index, value, what] : kRefused) {
    const Exception got = Try([&] { SetXcr(index, value); });
    CheckRaises(got, kGeneralProtectionVector, 0, what);
    if (got.none()) SetXcr(0, before);
  }
  CheckRaises(RunInUserMode(UserSet), kGeneralProtectionVector, 0, "XSETBV in user mode: #GP");
  CheckEqual(GetXcr0(), before, "XCR0 is as it was");
}

}  // namespace

void CheckExtendedState() {
  const ScopedControl control;
  WriteCr4(control.cr4() | kCr4Osxsave);
  const uint64_t before = GetXcr0();
  CheckValues();
  CheckRefusedValues();
  WriteCr4(control.cr4() & ~kCr4Osxsave);
  CheckRaises(Try([] { SetXcr(0, kX87); }), kUndefinedVector, 0, "XSETBV without CR4.OSXSAVE: #UD");
  WriteCr4(control.cr4() | kCr4Osxsave);
  SetXcr(0, before);
}

}  // namespace bulkhead::testguest
