// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The shortest loop around VMRESUME.

#include <cstdint>
#include <cstring>

#include "arch/x86_64/registers.h"
#include "arch/x86_64/vmx/controls.h"
#include "arch/x86_64/vmx/vmcs.h"
#include "base/format.h"
#include "bench/x86_64/bare.h"
#include "guest/testguest/tap.h"
#include "hypervisor/abi/x86_64/vmx_errors.h"

extern "C" uint64_t VmxLoop();

namespace bulkhead {
namespace {

using arch::vmx::CurrentVmcs;
using arch::vmx::Field16;
using arch::vmx::Field32;
using arch::vmx::Field64;

// Intel SDM 3D, appendix A.
constexpr uint32_t kMsrFeatureControl = 0x3a;
constexpr uint32_t kMsrBasic = 0x480;
constexpr uint32_t kMsrCr0Fixed0 = 0x486;
constexpr uint32_t kMsrCr4Fixed0 = 0x488;
constexpr uint32_t kMsrTruePin = 0x48d;
constexpr uint32_t kMsrTruePrimary = 0x48e;
constexpr uint32_t kMsrTrueExit = 0x48f;
constexpr uint32_t kMsrTrueEntry = 0x490;

constexpr uint16_t kCode = 0x08;
constexpr uint16_t kData = 0x10;
constexpr uint32_t kCodeRights = 0xa09b;
constexpr uint32_t kDataRights = 0xc093;
constexpr uint32_t kTaskRights = 0x8b;
constexpr uint32_t kUnusable = 1 << 16;

alignas(4096) uint8_t vmxon_region[4096];
alignas(4096) uint8_t vmcs_region[4096];

struct [[gnu::packed]] TablePointer {
  uint16_t limit;
  uint64_t base;
};

[[noreturn]] void Stop(std::string_view text) {
  testguest::Print(text);
  for (;;) asm volatile("cli; hlt");
}

// This program is where it is linked.
uint64_t Physical(const void* pointer) { return reinterpret_cast<uint64_t>(pointer); }

void TurnOn() {
  const uint64_t control = arch::ReadMsr(kMsrFeatureControl);
  if ((control & 1) == 0) arch::WriteMsr(kMsrFeatureControl, control | 5);
  arch::WriteCr0(arch::ReadCr0() | arch::ReadMsr(kMsrCr0Fixed0));
  arch::WriteCr4(arch::ReadCr4() | arch::ReadMsr(kMsrCr4Fixed0));
  const auto revision = static_cast<uint32_t>(arch::ReadMsr(kMsrBasic) & 0x7fffffff);
  std::memcpy(vmxon_region, &revision, sizeof(revision));
  std::memcpy(vmcs_region, &revision, sizeof(revision));
  arch::vmx::Vmxon(Physical(vmxon_region));
  arch::vmx::Vmclear(Physical(vmcs_region));
}

// Nothing leaves but what has to, and MSRs.
void SetControls(const CurrentVmcs& vmcs) {
  const auto least = [](uint32_t msr) { return static_cast<uint32_t>(arch::ReadMsr(msr)); };
  vmcs.Write(arch::vmx::kPinControls, least(kMsrTruePin));
  vmcs.Write(arch::vmx::kPrimaryControls, least(kMsrTruePrimary));
  vmcs.Write(arch::vmx::kExitControls, least(kMsrTrueExit) | arch::vmx::kHost64);
  vmcs.Write(arch::vmx::kEntryControls, least(kMsrTrueEntry) | arch::vmx::kGuest64);
  vmcs.Write(arch::vmx::kExceptionBitmap, uint32_t{0});
  vmcs.Write(arch::vmx::kCr0Mask, uint64_t{0});
  vmcs.Write(arch::vmx::kCr4Mask, uint64_t{0});
  vmcs.Write(arch::vmx::kEntryEvent, uint32_t{0});
  // MSRs to store and to load.
  for (const Field32 count : {Field32(0x400e), Field32(0x4010), Field32(0x4014)}) {
    vmcs.Write(count, uint32_t{0});
  }
  vmcs.Write(arch::vmx::kLinkPointer, ~uint64_t{0});
}

void SetGuest(const CurrentVmcs& vmcs, const TablePointer& segments) {
  for (const auto* data :
       {&arch::vmx::kGuestEs, &arch::vmx::kGuestSs, &arch::vmx::kGuestDs, &arch::vmx::kGuestFs,
        &arch::vmx::kGuestGs, &arch::vmx::kGuestCs, &arch::vmx::kGuestTr, &arch::vmx::kGuestLdtr}) {
    vmcs.Write(data->selector, kData);
    vmcs.Write(data->limit, 0xffffffff);
    vmcs.Write(data->access_rights, kDataRights);
    vmcs.Write(data->base, uint64_t{0});
  }
  vmcs.Write(arch::vmx::kGuestCs.selector, kCode);
  vmcs.Write(arch::vmx::kGuestCs.access_rights, kCodeRights);
  vmcs.Write(arch::vmx::kGuestTr.limit, uint32_t{0x67});
  vmcs.Write(arch::vmx::kGuestTr.access_rights, kTaskRights);
  vmcs.Write(arch::vmx::kGuestLdtr.access_rights, kUnusable);
  vmcs.Write(arch::vmx::kGuestGdtr.limit, uint32_t{segments.limit});
  vmcs.Write(arch::vmx::kGuestGdtr.base, uint64_t{segments.base});
  vmcs.Write(arch::vmx::kGuestIdtr.limit, uint32_t{0});
  vmcs.Write(arch::vmx::kGuestIdtr.base, uint64_t{0});
  vmcs.Write(arch::vmx::kGuestCr0, arch::ReadCr0());
  vmcs.Write(arch::vmx::kGuestCr3, arch::ReadCr3());
  vmcs.Write(arch::vmx::kGuestCr4, arch::ReadCr4());
  vmcs.Write(arch::vmx::kGuestDr7, uint64_t{0x400});
  vmcs.Write(arch::vmx::kGuestRflags, uint64_t{2});
  vmcs.Write(arch::vmx::kGuestRip, reinterpret_cast<uint64_t>(&BareGuest));
  vmcs.Write(arch::vmx::kGuestRsp, BareStack());
  vmcs.Write(arch::vmx::kGuestPendingDebug, uint64_t{0});
  vmcs.Write(arch::vmx::kGuestDebugControl, uint64_t{0});
  vmcs.Write(arch::vmx::kGuestInterruptibility, uint32_t{0});
  vmcs.Write(arch::vmx::kGuestActivity, uint32_t{0});
  vmcs.Write(arch::vmx::kGuestSysenterCs, uint32_t{0});
  vmcs.Write(Field64(0x6824), uint64_t{0});  // SYSENTER_ESP
  vmcs.Write(Field64(0x6826), uint64_t{0});  // SYSENTER_EIP
}

void SetHost(const CurrentVmcs& vmcs, const TablePointer& segments) {
  vmcs.Write(arch::vmx::kHostCs, kCode);
  for (const Field16 data : {arch::vmx::kHostSs, arch::vmx::kHostDs, arch::vmx::kHostEs,
                             arch::vmx::kHostFs, arch::vmx::kHostGs, arch::vmx::kHostTr}) {
    vmcs.Write(data, kData);
  }
  vmcs.Write(arch::vmx::kHostCr0, arch::ReadCr0());
  vmcs.Write(arch::vmx::kHostCr3, arch::ReadCr3());
  vmcs.Write(arch::vmx::kHostCr4, arch::ReadCr4());
  vmcs.Write(arch::vmx::kHostFsBase, uint64_t{0});
  vmcs.Write(arch::vmx::kHostGsBase, uint64_t{0});
  vmcs.Write(arch::vmx::kHostTrBase, uint64_t{0});
  vmcs.Write(arch::vmx::kHostGdtrBase, uint64_t{segments.base});
  vmcs.Write(arch::vmx::kHostIdtrBase, uint64_t{0});
  vmcs.Write(arch::vmx::kHostSysenterCs, uint32_t{0});
  vmcs.Write(Field64(0x6c10), uint64_t{0});  // SYSENTER_ESP
  vmcs.Write(Field64(0x6c12), uint64_t{0});  // SYSENTER_EIP
}

}  // namespace

void RunBareVmx() {
  TurnOn();
  const CurrentVmcs::Scope vmcs(static_cast<HostPhysical>(Physical(vmcs_region)));
  TablePointer segments = {};
  asm volatile("sgdt %0" : "=m"(segments));
  SetControls(vmcs);
  SetGuest(vmcs, segments);
  SetHost(vmcs, segments);
  const uint64_t error = VmxLoop();
  Text<120> line;
  line << "error: VMLAUNCH: " << abi::VmxErrorName(error) << "\n";
  Stop(line.view());
}

namespace arch::vmx {

void VmFail(const char* instruction) {
  Text<80> line;
  line << "error: " << instruction << " failed\n";
  Stop(line.view());
}

}  // namespace arch::vmx
}  // namespace bulkhead
