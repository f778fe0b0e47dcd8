// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_X86_64_CPUID_H_
#define BULKHEAD_VMM_X86_64_CPUID_H_

// What a guest sees of its processor: the machine's own features, as far as a list in cpuid.cc
// names them as working in a guest; whatever the list does not name is not there.

#include <cstdint>

namespace bulkhead {

struct CpuidRegisters {
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
  bool operator==(const CpuidRegisters&) const = default;
};

// The machine's answer. Plain CPUID, or a table in tests.
using HostCpuid = CpuidRegisters (*)(uint32_t leaf, uint32_t subleaf);

struct CpuidGuest {
  uint32_t vcpu = 0;  // index and x2APIC id of the one that asks
  uint32_t cpus = 1;  // at most 64
  // Current values of the one that asks: CR4.OSXSAVE and the size of the enabled state show.
  uint64_t cr4 = 0;
  uint64_t xcr0 = 1;
  // SupportedXcr0 of the machine. Kept, because asking takes two CPUID instructions, each of them
  // an exit where the machine is a virtual one itself.
  uint64_t supported_xcr0 = 0;
  uint64_t tsc_hz = 0;         // of the guest's counter; 0: not known
  uint64_t apic_timer_hz = 0;  // of its local APIC timer before the divider; 0: not known
  bool tsc_aux = false;        // IA32_TSC_AUX is the guest's own: RDTSCP and RDPID are shown
};

// State components a guest may enable in XCR0: x87, SSE, AVX, and AVX-512's three together
// (Intel SDM 1, 13.1).
inline constexpr uint64_t kXcr0X87Sse = 0x03;
inline constexpr uint64_t kXcr0Avx = 0x04;
inline constexpr uint64_t kXcr0Avx512 = 0xe0;

// Of those the ones this machine has: what XSETBV may set. 0: there is no XSAVE.
uint64_t SupportedXcr0(HostCpuid host);

// Hypervisor leaves: our own signature and, where Linux looks for it, KVM's.
inline constexpr uint32_t kHypervisorLeaf = 0x40000000;
inline constexpr uint32_t kKvmLeaf = 0x40000100;
inline constexpr uint32_t kKvmFeaturesLeaf = 0x40000101;
inline constexpr uint32_t kKvmFeatureNopIoDelay = 1 << 1;
inline constexpr uint32_t kKvmFeatureClocksource2 = 1 << 3;
inline constexpr uint32_t kKvmFeatureClocksourceStable = 1 << 24;

CpuidRegisters GuestCpuid(uint32_t leaf, uint32_t subleaf, const CpuidGuest& guest, HostCpuid host);

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_X86_64_CPUID_H_
