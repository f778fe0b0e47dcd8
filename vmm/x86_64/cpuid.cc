// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/x86_64/cpuid.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "vmm/x86_64/cpu_state.h"
#include "vmm/x86_64/cpuid_features.h"

namespace bulkhead {
namespace {

// Names of bits, which this file is full of. NOLINTNEXTLINE(google-build-using-namespace)
using namespace cpuid;

constexpr uint32_t kMaxBasicLeaf = 0x16;
constexpr uint32_t kMaxExtendedLeaf = 0x80000008;
// What every machine with nested paging has, so that our own leaves are within the maximum.
constexpr uint32_t kLeastBasicLeaf = 0xd;

struct Query {
  uint32_t leaf;
  uint32_t subleaf;
  const CpuidGuest& guest;
  HostCpuid host;

  CpuidRegisters Ask() const { return host(leaf, subleaf); }
  // Bits of a processor's id that tell processors of the package apart.
  uint32_t IdBits() const { return static_cast<uint32_t>(std::bit_width(guest.cpus - 1)); }
};

constexpr uint32_t Chars(const char (&text)[5]) {
  return static_cast<uint32_t>(static_cast<uint8_t>(text[0])) |
         static_cast<uint32_t>(static_cast<uint8_t>(text[1])) << 8 |
         static_cast<uint32_t>(static_cast<uint8_t>(text[2])) << 16 |
         static_cast<uint32_t>(static_cast<uint8_t>(text[3])) << 24;
}

// Drops what cannot be used because its state cannot be enabled.
uint32_t WithState(uint32_t bits, uint64_t xcr0, uint32_t avx, uint32_t avx512) {
  if ((xcr0 & kXcr0Avx) == 0) bits &= ~avx;
  if ((xcr0 & kXcr0Avx512) == 0) bits &= ~avx512;
  return bits;
}

CpuidRegisters Passed(const Query& query) { return query.Ask(); }

CpuidRegisters BasicRange(const Query& query) {
  CpuidRegisters out = query.Ask();
  out.eax = query.guest.tsc_hz != 0 ? kMaxBasicLeaf
                                    : std::max(kLeastBasicLeaf, std::min(out.eax, kMaxBasicLeaf));
  return out;
}

CpuidRegisters Features(const Query& query) {
  const CpuidRegisters host = query.Ask();
  const CpuidGuest& guest = query.guest;
  CpuidRegisters out;
  out.eax = host.eax;
  // Initial APIC id, logical processors, CLFLUSH line; no brand index.
  out.ebx = (guest.vcpu & 0xff) << 24 | (guest.cpus & 0xff) << 16 | (host.ebx & 0xff00);
  const uint64_t xcr0 = query.guest.supported_xcr0;
  out.ecx = WithState(host.ecx & kLeaf1Ecx, xcr0, kLeaf1EcxAvx, 0) | kLeaf1EcxAlways;
  if (xcr0 == 0) out.ecx &= ~kXsave;
  if (xcr0 != 0 && (guest.cr4 & kCr4Osxsave) != 0) out.ecx |= kOsxsave;
  out.edx = (host.edx & kLeaf1Edx) | kLeaf1EdxAlways;
  if (guest.cpus > 1) out.edx |= kMultithread;
  return out;
}

// Intel's cache parameters; the counts of sharers in EAX are of our processors.
CpuidRegisters Caches(const Query& query) {
  CpuidRegisters out = query.Ask();
  if ((out.eax & 0x1f) == 0) return {};
  const uint32_t level = out.eax >> 5 & 7;
  const uint32_t others = (uint32_t{1} << query.IdBits()) - 1;
  const uint32_t sharing = level >= 3 ? others : 0;
  out.eax = (out.eax & 0x3fff) | sharing << 14 | (others & 0x3f) << 26;
  return out;
}

CpuidRegisters Power(const Query&) { return {.eax = kLeaf6Eax}; }

CpuidRegisters MoreFeatures(const Query& query) {
  if (query.subleaf > 1) return {};
  const CpuidRegisters host = query.Ask();
  const uint64_t xcr0 = query.guest.supported_xcr0;
  if (query.subleaf == 1) {
    return {.eax = WithState(host.eax & kLeaf7_1Eax, xcr0, kLeaf7_1EaxAvx, kLeaf7_1EaxAvx512)};
  }
  CpuidRegisters out;
  out.eax = std::min(host.eax, uint32_t{1});
  out.ebx = WithState(host.ebx & kLeaf7Ebx, xcr0, kLeaf7EbxAvx, kLeaf7EbxAvx512);
  out.ecx = WithState(host.ecx & kLeaf7Ecx, xcr0, kLeaf7EcxAvx, kLeaf7EcxAvx512);
  if (!query.guest.tsc_aux) out.ecx &= ~kRdpid;
  out.edx = WithState(host.edx & kLeaf7Edx, xcr0, 0, kLeaf7EdxAvx512);
  return out;
}

// One package, a core per processor, a thread per core. Answered whatever the machine has: it is
// where the 32-bit x2APIC id is found.
CpuidRegisters Topology(const Query& query) {
  constexpr uint32_t kThread = 1 << 8, kCore = 2 << 8;
  CpuidRegisters out;
  out.ecx = query.subleaf & 0xff;
  out.edx = query.guest.vcpu;
  if (query.subleaf == 0) {
    out.ebx = 1;
    out.ecx |= kThread;
  } else if (query.subleaf == 1) {
    out.eax = query.IdBits();
    out.ebx = query.guest.cpus;
    out.ecx |= kCore;
  }
  return out;
}

constexpr uint32_t kLegacyAreaAndHeader = 576;  // Intel SDM 1, 13.4

// Bytes of the XSAVE area for these components: as XSAVE writes it, or compacted.
uint32_t StateSize(HostCpuid host, uint64_t components, bool compacted) {
  uint32_t size = kLegacyAreaAndHeader;
  for (uint32_t i = 2; i < 63; ++i) {
    if ((components >> i & 1) == 0) continue;
    const CpuidRegisters component = host(0xd, i);
    if (compacted) {
      if ((component.ecx & 2) != 0) size = (size + 63) & ~uint32_t{63};
      size += component.eax;
    } else {
      size = std::max(size, component.ebx + component.eax);
    }
  }
  return size;
}

CpuidRegisters ExtendedState(const Query& query) {
  const uint64_t supported = query.guest.supported_xcr0;
  if (supported == 0) return {};
  const uint64_t enabled = query.guest.xcr0 & supported;
  if (query.subleaf == 0) {
    return {.eax = static_cast<uint32_t>(supported),
            .ebx = StateSize(query.host, enabled, false),
            .ecx = StateSize(query.host, supported, false),
            .edx = static_cast<uint32_t>(supported >> 32)};
  }
  if (query.subleaf == 1) {
    const uint32_t features = query.Ask().eax & kLeafD_1Eax;
    const bool compacts = (features & Bits(1)) != 0;
    return {.eax = features, .ebx = compacts ? StateSize(query.host, enabled, true) : 0};
  }
  if (query.subleaf >= 63 || (supported >> query.subleaf & 1) == 0) return {};
  CpuidRegisters out = query.Ask();
  out.ecx &= 2;  // alignment; all of these are user states
  out.edx = 0;
  return out;
}

// Counter and APIC timer as a ratio, the timer's rate being the "crystal" (Intel SDM 3B, 19.7.3).
CpuidRegisters CounterRatio(const Query& query) {
  const uint64_t tsc = query.guest.tsc_hz, crystal = query.guest.apic_timer_hz;
  if (tsc == 0 || crystal == 0 || crystal > 0xffffffff) return {};
  const uint64_t divisor = std::gcd(tsc, crystal);
  if (tsc / divisor > 0xffffffff) return {};
  return {.eax = static_cast<uint32_t>(crystal / divisor),
          .ebx = static_cast<uint32_t>(tsc / divisor),
          .ecx = static_cast<uint32_t>(crystal)};
}

CpuidRegisters CounterMegahertz(const Query& query) {
  const auto mhz = static_cast<uint32_t>((query.guest.tsc_hz + 500'000) / 1'000'000);
  return {.eax = mhz, .ebx = mhz};
}

CpuidRegisters OwnSignature(const Query&) {
  return {kHypervisorLeaf, Chars("Bulk"), Chars("head"), Chars("Bulk")};
}

CpuidRegisters KvmSignature(const Query&) {
  return {kKvmFeaturesLeaf, Chars("KVMK"), Chars("VMKV"), Chars("M\0\0\0")};
}

// Only what exists: the clock, whose counters all vCPUs agree on, and that port writes need not be
// followed by a pause, since no port leads to hardware.
CpuidRegisters KvmFeatures(const Query&) {
  return {.eax = kKvmFeatureNopIoDelay | kKvmFeatureClocksource2 | kKvmFeatureClocksourceStable};
}

CpuidRegisters ExtendedRange(const Query& query) {
  CpuidRegisters out = query.Ask();
  out.eax = std::min(std::max(out.eax, 0x80000000u), kMaxExtendedLeaf);
  return out;
}

CpuidRegisters ExtendedFeatures(const Query& query) {
  CpuidRegisters out = query.Ask();
  const uint64_t xcr0 = query.guest.supported_xcr0;
  out.ecx = WithState(out.ecx & kExtended1Ecx, xcr0, kExtended1EcxAvx, 0);
  // Where the machine has AMD's duplicates, the APIC is one of them.
  const uint32_t apic = out.edx & kExtended1EdxApic;
  out.edx = (out.edx & kExtended1Edx) | apic;
  if (!query.guest.tsc_aux) out.edx &= ~kRdtscp;
  if (query.guest.cpus > 1) out.ecx |= kCmpLegacy;
  return out;
}

CpuidRegisters ExtendedPower(const Query&) { return {.edx = kInvariantTsc}; }

CpuidRegisters ExtendedSizes(const Query& query) {
  CpuidRegisters out = query.Ask();
  out.ebx &= kExtended8Ebx;
  out.ecx = query.IdBits() << 12 | ((query.guest.cpus - 1) & 0xff);
  out.edx = 0;
  return out;
}

struct Leaf {
  uint32_t leaf;
  CpuidRegisters (*answer)(const Query&);
};

// Leaves that are not here answer zeros, among them MONITOR (5), performance counters (0xa),
// resource monitoring and allocation (0xf, 0x10), SGX (0x12), processor trace (0x14), hybrid
// (0x1a), SVM (0x8000000a), AMD's topology (0x8000001d, 0x8000001e), memory encryption
// (0x8000001f).
constexpr Leaf kLeaves[] = {
    {0x0, BasicRange},
    {0x1, Features},
    {0x2, Passed},  // caches and TLBs, Intel
    {0x4, Caches},
    {0x6, Power},
    {0x7, MoreFeatures},
    {0xb, Topology},
    {0xd, ExtendedState},
    {0x15, CounterRatio},
    {0x16, CounterMegahertz},
    {kHypervisorLeaf, OwnSignature},
    {kKvmLeaf, KvmSignature},
    {kKvmFeaturesLeaf, KvmFeatures},
    {0x80000000, ExtendedRange},
    {0x80000001, ExtendedFeatures},
    {0x80000002, Passed},  // brand string
    {0x80000003, Passed},
    {0x80000004, Passed},
    {0x80000005, Passed},  // caches and TLBs, AMD
    {0x80000006, Passed},
    {0x80000007, ExtendedPower},
    {0x80000008, ExtendedSizes},
};

}  // namespace

uint64_t SupportedXcr0(HostCpuid host) {
  if ((host(1, 0).ecx & kXsave) == 0) return 0;
  const uint64_t all = host(0xd, 0).eax;
  uint64_t supported = all & (kXcr0X87Sse | kXcr0Avx);
  if ((supported & kXcr0X87Sse) != kXcr0X87Sse) return 0;
  if ((all & kXcr0Avx512) == kXcr0Avx512 && (supported & kXcr0Avx) != 0) {
    supported |= kXcr0Avx512;
  }
  return supported;
}

CpuidRegisters GuestCpuid(uint32_t leaf, uint32_t subleaf, const CpuidGuest& guest,
                          HostCpuid host) {
  for (const Leaf& entry : kLeaves) {
    if (entry.leaf == leaf) return entry.answer({leaf, subleaf, guest, host});
  }
  return {};
}

}  // namespace bulkhead
