// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "arch/x86_64/vmx/vmx.h"

#include <cstring>

#include "arch/log.h"
#include "arch/paging.h"
#include "arch/x86_64/registers.h"
#include "arch/x86_64/virtualizer.h"
#include "arch/x86_64/vmx/instructions.h"
#include "arch/x86_64/vmx/vmcs.h"
#include "base/format.h"
#include "hypervisor/abi/x86_64/vmx_errors.h"

namespace bulkhead::arch::vmx {
namespace {

// Intel SDM 4, 2.1; 3D, appendix A.
constexpr uint32_t kMsrFeatureControl = 0x3a;
constexpr uint32_t kMsrBasic = 0x480;
constexpr uint32_t kMsrPin = 0x481;
constexpr uint32_t kMsrPrimary = 0x482;
constexpr uint32_t kMsrExit = 0x483;
constexpr uint32_t kMsrEntry = 0x484;
constexpr uint32_t kMsrMisc = 0x485;
constexpr uint32_t kMsrCr0Fixed0 = 0x486;
constexpr uint32_t kMsrCr4Fixed0 = 0x488;
constexpr uint32_t kMsrSecondary = 0x48b;
constexpr uint32_t kMsrEptVpid = 0x48c;
constexpr uint32_t kTrue = 0x48d - kMsrPin;  // from a capability to the one without defaults

constexpr uint64_t kFeatureLocked = 1 << 0;
constexpr uint64_t kFeatureVmx = 1 << 2;  // outside SMX
constexpr uint64_t kBasicTrue = uint64_t{1} << 55;

Shared g_shared;

// Guests reach these without an exit: the VMCS holds them, Vcpu::LoadRegisters switches TSC_AUX,
// and every run KERNEL_GS_BASE.
constexpr uint32_t kPassedThrough[] = {
    kMsrSysenterCs, kMsrSysenterEsp, kMsrSysenterEip,  kMsrPat,
    kMsrFsBase,     kMsrGsBase,      kMsrKernelGsBase, kMsrTscAux,
};
// Only read without an exit: while the guest runs, the processor has the guest's values.
constexpr uint32_t kReadThrough[] = {kMsrStar, kMsrLstar, kMsrCstar, kMsrSfmask};

// One bit for each MSR: reads of low and high numbers, writes (Intel SDM 3C, 25.6.9).
constexpr uint64_t kWrites = 0x800;
void PassThrough(uint8_t* map, uint32_t msr, uint64_t half) {
  if (msr >= 0xc0000000) map += 0x400;
  map[half + (msr & 0x1fff) / 8] &= static_cast<uint8_t>(~(1 << msr % 8));
}

// The firmware locks the register; where it has not, this does.
bool UnlockedByFirmware() {
  const uint64_t control = ReadMsr(kMsrFeatureControl);
  if ((control & kFeatureLocked) != 0) return (control & kFeatureVmx) != 0;
  WriteMsr(kMsrFeatureControl, control | kFeatureLocked | kFeatureVmx);
  return true;
}

Capabilities ReadCapabilities(uint64_t basic) {
  const uint32_t by = (basic & kBasicTrue) != 0 ? kTrue : 0;
  Capabilities c = {};
  c.pin = ReadMsr(kMsrPin + by);
  c.primary = ReadMsr(kMsrPrimary + by);
  c.exit = ReadMsr(kMsrExit + by);
  c.entry = ReadMsr(kMsrEntry + by);
  if ((c.primary >> 32 & kUseSecondary) != 0) c.secondary = ReadMsr(kMsrSecondary);
  if ((c.secondary >> 32 & kUseEpt) != 0) c.ept_vpid = ReadMsr(kMsrEptVpid);
  return c;
}

}  // namespace

const Shared& TheShared() { return g_shared; }

bool IsPresent() { return (Cpuid(1).ecx & (1 << 5)) != 0; }

void Prepare(HostPhysical pages) {
  g_shared.msr_bitmap = Raw(pages);
  auto* map = ToPointer<uint8_t>(pages);
  std::memset(map, 0xff, kPageSize);
  for (const uint32_t msr : kPassedThrough) {
    PassThrough(map, msr, 0);
    PassThrough(map, msr, kWrites);
  }
  for (const uint32_t msr : kReadThrough) PassThrough(map, msr, 0);
  GuestFormat::UseExtended();
}

// The processors of a machine are alike: what each finds anew is the same.
const char* Enable(Cpu& cpu) {
  if (!UnlockedByFirmware()) return "VT-x is disabled by the firmware; enable it in its set-up";
  const uint64_t basic = ReadMsr(kMsrBasic);
  const char* problem = ComputeControls(ReadCapabilities(basic), g_shared.controls);
  if (problem != nullptr) return problem;

  g_shared.revision = basic & 0x7fffffff;
  g_shared.timer_shift = ReadMsr(kMsrMisc) & 0x1f;
  g_shared.cr0_always = ReadMsr(kMsrCr0Fixed0);
  g_shared.cr4_always = ReadMsr(kMsrCr4Fixed0);
  WriteCr0(ReadCr0() | g_shared.cr0_always);
  WriteCr4(ReadCr4() | g_shared.cr4_always);

  std::memcpy(ToPointer(cpu.pages[0]), &g_shared.revision, sizeof(g_shared.revision));
  Vmxon(Raw(cpu.pages[0]));
  return nullptr;
}

void VmFail(const char* instruction) {
  uint64_t error = 0;
  // Fails itself when there is no current VMCS, and leaves the zero.
  asm volatile("vmread %1, %0" : "+r"(error) : "r"(kInstructionError.encoding()) : "cc");
  Text<160> line;
  line << instruction << " failed: error " << error << ", " << abi::VmxErrorName(error);
  Fatal(line.view());
}

}  // namespace bulkhead::arch::vmx
