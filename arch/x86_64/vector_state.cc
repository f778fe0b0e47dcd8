// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "arch/x86_64/vector_state.h"

#include <cstring>

#include "arch/x86_64/registers.h"
#include "base/align.h"

namespace bulkhead::arch {
namespace {

// x87, SSE, AVX and AVX-512; other components are not for guests yet.
constexpr uint64_t kForGuests = 0xe7;
// AMX: its tiles need more than a page, and without their bits in XCR0 nobody reaches them.
constexpr uint64_t kNeverOn = uint64_t{3} << 17;

uint64_t g_switched;

class VectorAccess {
 public:
  VectorAccess() { asm volatile("clts"); }
  ~VectorAccess() { WriteCr0(ReadCr0() | kCr0Ts); }
  VectorAccess(const VectorAccess&) = delete;
  VectorAccess& operator=(const VectorAccess&) = delete;
};

}  // namespace

const char* FindVectorState() {
  if ((Cpuid(1).ecx & (1 << 26)) == 0) return "this processor has no XSAVE";
  const CpuidResult components = Cpuid(0xd);
  // CR4.PKE alone gives a guest PKRU, whatever CPUID and XCR0 say, and QEMU does not intercept
  // XSETBV: not only what guests may turn on is switched.
  g_switched = (uint64_t{components.edx} << 32 | components.eax) & ~kNeverOn;
  WriteXcr0(g_switched);
  // EBX: for the components enabled now (AMD APM 3, E.3.8).
  if (Cpuid(0xd).ebx > kPageSize) return "the processor's vector state does not fit a page";
  return nullptr;
}

uint64_t GuestXcr0() { return g_switched & kForGuests; }

void InitializeVectorState(void* area) {
  // AMD APM 2, 14.1.3.
  auto* legacy = static_cast<uint8_t*>(area);
  const uint16_t control_word = 0x037f;
  const uint32_t mxcsr = 0x1f80;
  std::memcpy(legacy, &control_word, sizeof(control_word));
  std::memcpy(legacy + 24, &mxcsr, sizeof(mxcsr));
  const uint64_t present = 3;
  std::memcpy(legacy + 512, &present, sizeof(present));
}

void RestoreVectorState(const void* area, uint64_t xcr0) {
  const VectorAccess access;
  WriteXcr0(g_switched);
  // AMD processors restore where the last x87 instruction was only when an exception is pending
  // (AMD APM 2, 11.5.10): loading something overwrites what the guest before left there.
  static constexpr uint32_t kZero = 0;
  asm volatile("fnclex; emms; fildl %0" : : "m"(kZero));
  asm volatile("xrstor64 (%0)" : : "r"(area), "a"(~0), "d"(~0) : "memory");
  WriteXcr0(xcr0);
}

uint64_t SaveVectorState(void* area) {
  const VectorAccess access;
  const uint64_t xcr0 = ReadXcr0();
  WriteXcr0(g_switched);
  asm volatile("xsave64 (%0)" : : "r"(area), "a"(~0), "d"(~0) : "memory");
  return xcr0;
}

}  // namespace bulkhead::arch
