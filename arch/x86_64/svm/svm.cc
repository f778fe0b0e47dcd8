// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "arch/x86_64/svm/svm.h"

#include <cstring>

#include "arch/paging.h"
#include "arch/x86_64/registers.h"
#include "arch/x86_64/virtualizer.h"

namespace bulkhead::arch::svm {
namespace {

constexpr uint64_t kVmCrDisabled = 1 << 4;
constexpr uint64_t kMsrMapPages = 2;
constexpr uint64_t kIoMapPages = 3;

HostPhysical g_io_map;
HostPhysical g_msr_map;
uint32_t g_asids;
bool g_next_rip;

// Guests reach these without an exit: the control block holds them, so each guest has its own.
// TSC_AUX is not there; Vcpu::LoadRegisters switches it.
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
  if ((ReadMsr(kMsrVmCr) & kVmCrDisabled) != 0) {
    return "AMD-V is disabled by the firmware; enable SVM in its set-up";
  }
  if ((Cpuid(0x8000000a).edx & 1) == 0) return "this processor has no nested paging";
  return nullptr;
}

}  // namespace

HostPhysical IoMap() { return g_io_map; }
HostPhysical MsrMap() { return g_msr_map; }
uint32_t AsidCount() { return g_asids; }
bool HasNextRip() { return g_next_rip; }

bool IsPresent() {
  return Cpuid(0x80000000).eax >= 0x8000000a && (Cpuid(0x80000001).ecx & (1 << 2)) != 0;
}

void Prepare(HostPhysical pages) {
  g_io_map = pages;
  g_msr_map = pages + kIoMapPages * kPageSize;
  std::memset(ToPointer(g_io_map), 0xff, kIoMapPages * kPageSize);
  std::memset(ToPointer(g_msr_map), 0xff, kMsrMapPages * kPageSize);
  for (const uint32_t msr : kPassedThrough) PassThrough(ToPointer<uint8_t>(g_msr_map), msr);

  const CpuidResult features = Cpuid(0x8000000a);
  g_asids = features.ebx;
  g_next_rip = (features.edx & (1 << 3)) != 0;
}

const char* Enable(Cpu& cpu) {
  const char* problem = FindProblem();
  if (problem != nullptr) return problem;

  WriteMsr(kMsrEfer, ReadMsr(kMsrEfer) | kEferSvme);
  cpu.host_control = cpu.pages[0];
  WriteMsr(kMsrVmHsavePa, Raw(cpu.pages[1]));
  return nullptr;
}

}  // namespace bulkhead::arch::svm
