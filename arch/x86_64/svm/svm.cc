// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "arch/x86_64/svm/svm.h"

#include <cstring>

#include "arch/paging.h"
#include "arch/vcpu.h"
#include "arch/x86_64/registers.h"

namespace bulkhead::arch {
namespace {

const char* g_problem = "not initialized";

}  // namespace

const char* VirtualizationProblem() { return g_problem; }
const char* VirtualizationName() { return "AMD-V"; }

namespace svm {
namespace {

constexpr uint64_t kVmCrDisabled = 1 << 4;
constexpr uint64_t kMsrMapPages = 2;
constexpr uint64_t kIoMapPages = 3;

HostPhysical g_io_map;
HostPhysical g_msr_map;
uint32_t g_asids;
bool g_next_rip;
uint64_t g_xcr0;
uint64_t g_switched_xcr0;

// Guests reach these without an exit: the control block holds them, so each guest has its own.
// TSC_AUX is not there; Vcpu::Load switches it.
constexpr uint32_t kPassedThrough[] = {
    kMsrSysenterCs, kMsrSysenterEsp, kMsrSysenterEip, kMsrPat,    kMsrStar,         kMsrLstar,
    kMsrCstar,      kMsrSfmask,      kMsrFsBase,      kMsrGsBase, kMsrKernelGsBase, kMsrTscAux,
};

// Two bits for each MSR: read, write (AMD APM 2, 15.11).
void PassThrough(uint8_t* map, uint32_t msr) {
  uint64_t bit = uint64_t{msr & 0x1fff} * 2;
  if (msr >= 0xc0010000) {
    bit += 0x1000 * 8;
  } else if (msr >= 0xc0000000) {
    bit += 0x800 * 8;
  }
  map[bit / 8] &= static_cast<uint8_t>(~(3 << (bit % 8)));
}

const char* FindProblem() {
  if (Cpuid(0x80000000).eax < 0x8000000a || (Cpuid(0x80000001).ecx & (1 << 2)) == 0) {
    return "this processor has no AMD-V (SVM); in QEMU use -cpu max";
  }
  if ((ReadMsr(kMsrVmCr) & kVmCrDisabled) != 0) {
    return "AMD-V is disabled by the firmware; enable SVM in its set-up";
  }
  if ((Cpuid(0x8000000a).edx & 1) == 0) return "this processor has no nested paging";
  if ((Cpuid(1).ecx & (1 << 26)) == 0) return "this processor has no XSAVE";
  // ECX: for all components the processor has, not only those enabled now (AMD APM 3, E.3.8).
  if (Cpuid(0xd).ecx > kPageSize) return "the processor's vector state does not fit a page";
  return nullptr;
}

}  // namespace

HostPhysical IoMap() { return g_io_map; }
HostPhysical MsrMap() { return g_msr_map; }
uint32_t AsidCount() { return g_asids; }
bool HasNextRip() { return g_next_rip; }
uint64_t SupportedXcr0() { return g_xcr0; }
uint64_t SwitchedXcr0() { return g_switched_xcr0; }

Status Enable(Cpu& cpu, HostPhysical pages) {
  g_problem = FindProblem();
  if (g_problem != nullptr) return Status::kNotSupported;

  WriteMsr(kMsrEfer, ReadMsr(kMsrEfer) | kEferSvme);
  cpu.host_vmcb = pages;
  WriteMsr(kMsrVmHsavePa, Raw(pages + kPageSize));
  g_io_map = pages + 2 * kPageSize;
  g_msr_map = pages + (2 + kIoMapPages) * kPageSize;
  std::memset(ToPointer(g_io_map), 0xff, kIoMapPages * kPageSize);
  std::memset(ToPointer(g_msr_map), 0xff, kMsrMapPages * kPageSize);
  for (const uint32_t msr : kPassedThrough) PassThrough(ToPointer<uint8_t>(g_msr_map), msr);

  const CpuidResult features = Cpuid(0x8000000a);
  g_asids = features.ebx;
  g_next_rip = (features.edx & (1 << 3)) != 0;
  const CpuidResult extended = Cpuid(0xd);
  g_switched_xcr0 = uint64_t{extended.edx} << 32 | extended.eax;
  // x87, SSE, AVX and AVX-512; other components are not for guests yet.
  g_xcr0 = g_switched_xcr0 & 0xe7;
  cpu.next_asid = 1;
  cpu.asid_generation = 1;
  return Status::kOk;
}

}  // namespace svm
}  // namespace bulkhead::arch
