// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// A virtual processor on VT-x: its control structure, and what goes into it and comes out.

#include "arch/x86_64/vmx/guest.h"

#include "arch/x86_64/descriptors.h"
#include "arch/x86_64/virtualizer.h"
#include "arch/x86_64/vmx/access_rights.h"
#include "hypervisor/abi/x86_64/vmx_errors.h"

extern "C" {
// vmenter.S. False: the entry failed before anything of the guest was loaded.
bool VmxEnter(bulkhead::arch::Vcpu*);
extern char VmxExit[];
}

namespace bulkhead::arch::vmx {
namespace {

constexpr uint64_t kPatReset = 0x0007040600070406;
constexpr uint32_t kVpidCount = 0x10000;
// #DB and #AC can recur for ever inside their own delivery, #MC is the machine's.
constexpr uint32_t kExceptions = 1 << kDebug | 1 << kAlignmentCheck | 1 << kMachineCheck;

// Bits the guest does not have as it pleases; it sees what it wrote. Caches stay on; machine
// checks come here whether the guest has them on or not; what CR4 turns on must be switched.
constexpr uint64_t kCr0Mask0 = kCr0Ne | kCr0Nw | kCr0Cd;
constexpr uint64_t kCr4Mask0 = ~kGuestCr4Bits;

constexpr uint64_t kGuestEferBits = kEferSce | kEferLme | kEferLma | kEferNxe;

// Not used, or zero after a reset.
constexpr Field32 kZero32[] = {
    Field32(0x4006), Field32(0x4008),                    // page faults' error codes: mask, match
    Field32(0x400a),                                     // CR3 targets
    Field32(0x400e), Field32(0x4010),  Field32(0x4014),  // MSRs to store and load
    kEntryEvent,     kEntryErrorCode,  kEntryInstructionLength, kGuestInterruptibility,
    kGuestActivity,  kGuestSysenterCs, kPreemptionTimerValue,   kHostSysenterCs};
constexpr Field64
    kZero64[] = {kTscOffset,      kGuestDebugControl, kGuestPendingDebug, kGuestCr0,
                 kGuestCr3,       kGuestCr4,          kCr0Shadow,         kCr4Shadow,
                 kGuestEfer,      kGuestRip,          kGuestRsp,          kGuestRflags,
                 Field64(0x6824), Field64(0x6826),   // the guest's SYSENTER_ESP and SYSENTER_EIP
                 Field64(0x6c10), Field64(0x6c12)};  // the host's

// In the order of Vcpu's copies.
constexpr uint32_t kSyscallMsrs[] = {kMsrStar, kMsrLstar, kMsrCstar, kMsrSfmask};

abi::SegmentRegister ReadSegment(const CurrentVmcs& vmcs, const SegmentFields& fields) {
  return {vmcs.Read(fields.selector), ToAttributes(vmcs.Read(fields.access_rights)),
          vmcs.Read(fields.limit), vmcs.Read(fields.base)};
}

void WriteSegment(const CurrentVmcs& vmcs, const SegmentFields& fields,
                  const abi::SegmentRegister& shared) {
  const abi::SegmentRegister segment = ReadOnce(shared);
  vmcs.Write(fields.selector, segment.selector);
  vmcs.Write(fields.access_rights, ToAccessRights(segment.attributes));
  vmcs.Write(fields.limit, segment.limit);
  vmcs.Write(fields.base, segment.base);
}

abi::SegmentRegister ReadTable(const CurrentVmcs& vmcs, const TableFields& fields) {
  return {0, 0, vmcs.Read(fields.limit), vmcs.Read(fields.base)};
}

void WriteTable(const CurrentVmcs& vmcs, const TableFields& fields,
                const abi::SegmentRegister& shared) {
  const abi::SegmentRegister table = ReadOnce(shared);
  vmcs.Write(fields.limit, table.limit);
  vmcs.Write(fields.base, table.base);
}

// What the processor has after every exit, but for CR3 and the stack.
void WriteHostState(const CurrentVmcs& vmcs, const Cpu& cpu) {
  vmcs.Write(kHostCr0, ReadCr0());
  vmcs.Write(kHostCr4, ReadCr4());
  vmcs.Write(kHostPat, ReadMsr(kMsrPat));
  vmcs.Write(kHostEfer, ReadMsr(kMsrEfer));
  vmcs.Write(kHostCs, kKernelCode);
  vmcs.Write(kHostSs, kKernelData);
  vmcs.Write(kHostDs, kKernelData);
  vmcs.Write(kHostEs, kKernelData);
  vmcs.Write(kHostFs, uint16_t{0});
  vmcs.Write(kHostGs, uint16_t{0});
  vmcs.Write(kHostTr, kTaskState);
  vmcs.Write(kHostFsBase, uint64_t{0});
  vmcs.Write(kHostGsBase, reinterpret_cast<uint64_t>(&cpu));
  const DescriptorTables tables = DescriptorTablesOf(cpu);
  vmcs.Write(kHostTrBase, tables.task_state);
  vmcs.Write(kHostGdtrBase, tables.segments);
  vmcs.Write(kHostIdtrBase, tables.gates);
  vmcs.Write(kHostSysenterCs, uint32_t{0});
  vmcs.Write(kHostRip, reinterpret_cast<uint64_t>(VmxExit));
}

}  // namespace

void Guest::Initialize(HostPhysical nested_root) {
  const Shared& shared = TheShared();
  std::memcpy(vcpu_.control_, &shared.revision, sizeof(shared.revision));
  const uint64_t address = Raw(vcpu_.control_physical_);
  Vmclear(address);
  {
    const CurrentVmcs::Scope vmcs(vcpu_.control_physical_);
    vmcs.Write(kPinControls, shared.controls.pin);
    vmcs.Write(kPrimaryControls, shared.controls.primary);
    vmcs.Write(kSecondaryControls, shared.controls.secondary);
    vmcs.Write(kExitControls, shared.controls.exit);
    vmcs.Write(kEntryControls, shared.controls.entry);
    vmcs.Write(kExceptionBitmap, kExceptions);
    vmcs.Write(kMsrBitmap, shared.msr_bitmap);
    vcpu_.outside_.nested_root = Raw(nested_root) | shared.controls.ept_pointer;
    vmcs.Write(kEptPointer, vcpu_.outside_.nested_root);
    vmcs.Write(kLinkPointer, kNoVmcs);
    vmcs.Write(kCr0Mask, kCr0Mask0);
    vmcs.Write(kCr4Mask, kCr4Mask0);
    vmcs.Write(kGuestPat, kPatReset);
    // What a field has that was never written, nobody knows (Intel SDM 3C, 25.11.3).
    for (const Field32 field : kZero32) vmcs.Write(field, uint32_t{0});
    for (const Field64 field : kZero64) vmcs.Write(field, uint64_t{0});
    vmcs.Write(kGuestDr7, uint64_t{0x400});
  }
  // The processor may hold parts of an active one; the page may go back before it ever ran.
  Vmclear(address);
}

void Guest::Load(Cpu& cpu) {
  if (vcpu_.LoadRegisters(cpu)) {
    Vmptrld(Raw(vcpu_.control_physical_));
    WriteHostState(vmcs_, cpu);
    WriteDr6(vcpu_.outside_.dr6);
  }
  // Everything cached is of both a VPID and EPT tables: a new VPID may have been another vCPU's,
  // the tables' memory another machine's (Intel SDM 3C, 29.4.1).
  if (vcpu_.TakeTag(cpu, kVpidCount)) {
    vmcs_.Write(kVpid, static_cast<uint16_t>(vcpu_.tag_));
    vcpu_.flush_ = true;
  }
  if (vcpu_.TakeFlush()) Invept(vcpu_.outside_.nested_root);
}

void Guest::Unload() {
  vcpu_.outside_.dr6 = ReadDr6();
  Vmclear(Raw(vcpu_.control_physical_));
  vcpu_.launched_ = 0;
}

void Guest::Inject(uint32_t event, uint32_t error) {
  // Real mode has no error codes, and an entry with one fails (Intel SDM 3C, 27.2.1.3).
  if ((cr0() & kCr0Pe) == 0) event &= ~kEventHasError;
  // One whose delivery was cut short had already blocked the next (Intel SDM 3C, 27.2.1.3).
  if ((event & kEventTypeMask) == kEventNmi) {
    const uint32_t state = vmcs_.Read(kGuestInterruptibility);
    vmcs_.Write(kGuestInterruptibility, state & ~kBlockedByNmi);
  }
  vmcs_.Write(kEntryEvent, event);
  vmcs_.Write(kEntryErrorCode, error);
}

void Guest::TakeSystem(const abi::VcpuState& state) {
  const Shared& shared = TheShared();
  const uint64_t cr0 = ReadOnce(state.cr0);
  const uint64_t cr4 = ReadOnce(state.cr4);
  const uint64_t efer = ReadOnce(state.efer) & kGuestEferBits;
  // An unrestricted guest may have paging and protection off.
  vmcs_.Write(kGuestCr0, (cr0 & ~kCr0Mask0) | (shared.cr0_always & ~(kCr0Pe | kCr0Pg)));
  vmcs_.Write(kCr0Shadow, cr0);
  vmcs_.Write(kGuestCr4, (cr4 & kGuestCr4Bits) | kCr4Mce | shared.cr4_always);
  vmcs_.Write(kCr4Shadow, cr4 & (kGuestCr4Bits | kCr4Mce));
  vmcs_.Write(kGuestCr3, ReadOnce(state.cr3));
  vcpu_.outside_.cr2 = ReadOnce(state.cr2);
  vmcs_.Write(kGuestEfer, efer);
  vmcs_.Write(kEntryControls, shared.controls.entry | ((efer & kEferLma) != 0 ? kGuest64 : 0));
  WriteSegment(vmcs_, kGuestCs, state.cs);
  WriteSegment(vmcs_, kGuestDs, state.ds);
  WriteSegment(vmcs_, kGuestEs, state.es);
  WriteSegment(vmcs_, kGuestFs, state.fs);
  WriteSegment(vmcs_, kGuestGs, state.gs);
  WriteSegment(vmcs_, kGuestSs, state.ss);
  WriteSegment(vmcs_, kGuestTr, state.tr);
  WriteSegment(vmcs_, kGuestLdtr, state.ldtr);
  WriteTable(vmcs_, kGuestGdtr, state.gdtr);
  WriteTable(vmcs_, kGuestIdtr, state.idtr);
}

void Guest::GiveSystem(abi::VcpuState& state) const {
  state.cr0 = cr0();
  state.cr2 = vcpu_.outside_.cr2;
  state.cr3 = vmcs_.Read(kGuestCr3);
  state.efer = efer();
  state.cs = ReadSegment(vmcs_, kGuestCs);
  state.ds = ReadSegment(vmcs_, kGuestDs);
  state.es = ReadSegment(vmcs_, kGuestEs);
  state.fs = ReadSegment(vmcs_, kGuestFs);
  state.gs = ReadSegment(vmcs_, kGuestGs);
  state.ss = ReadSegment(vmcs_, kGuestSs);
  state.tr = ReadSegment(vmcs_, kGuestTr);
  state.ldtr = ReadSegment(vmcs_, kGuestLdtr);
  state.gdtr = ReadTable(vmcs_, kGuestGdtr);
  state.idtr = ReadTable(vmcs_, kGuestIdtr);
  state.cpl = cpl();
  state.tsc_offset = vmcs_.Read(kTscOffset);
}

// The VMCS does not hold CR2, KERNEL_GS_BASE and the registers of SYSCALL. They are switched here,
// once a run, and not by the VMCS's MSR areas, which every exit would go through: the hypervisor
// neither takes page faults nor uses them while FastExit answers. The guest's writes to the
// registers of SYSCALL leave it (WriteSyscallMsr), so that nothing has to be read back.
RunOutcome Guest::Enter(abi::VcpuState& state) {
  auto& outside = vcpu_.outside_;
  vmcs_.Write(kHostCr3, ReadCr3());
  uint64_t host[std::size(kSyscallMsrs)];
  for (size_t i = 0; i < std::size(kSyscallMsrs); ++i) {
    host[i] = ReadMsr(kSyscallMsrs[i]);
    WriteMsr(kSyscallMsrs[i], outside.syscall[i]);
  }
  WriteMsr(kMsrKernelGsBase, outside.kernel_gs_base);
  WriteCr2(outside.cr2);

  const bool entered = VmxEnter(&vcpu_);

  outside.cr2 = ReadCr2();
  outside.kernel_gs_base = ReadMsr(kMsrKernelGsBase);
  WriteMsr(kMsrKernelGsBase, 0);
  for (size_t i = 0; i < std::size(kSyscallMsrs); ++i) WriteMsr(kSyscallMsrs[i], host[i]);
  // Exits leave the table with the largest limit: what follows it in memory would be descriptors.
  ReloadSegmentTable(*vcpu_.cpu_);
  return entered ? SlowExit(state) : RefusedEntry(state, vmcs_.Read(kInstructionError));
}

// An entry that failed leaves the event that it should have delivered.
RunOutcome Guest::RefusedEntry(abi::VcpuState& state, uint64_t detail) {
  constexpr uint64_t kByMachineCheck = abi::kVmxEntryFailure | 41;
  if (detail == kByMachineCheck) asm volatile("int $18");
  vmcs_.Write(kEntryEvent, uint32_t{0});
  return Refused(state, detail);
}

// True: the write was to a register of SYSCALL.
bool Guest::WriteSyscallMsr() {
  const auto* found = std::find(std::begin(kSyscallMsrs), std::end(kSyscallMsrs), MsrIndex());
  if (found == std::end(kSyscallMsrs)) return false;
  const uint64_t value = MsrOperand();
  // What WRMSR itself would refuse: addresses that are not canonical, flags that do not exist. The
  // value is loaded in the hypervisor.
  const bool address = *found == kMsrLstar || *found == kMsrCstar;
  const bool canonical = static_cast<int64_t>(value << 16) >> 16 == static_cast<int64_t>(value);
  if ((address && !canonical) || (*found == kMsrSfmask && value >> 32 != 0)) {
    RaiseException(kGeneralProtection, 0);
  } else {
    vcpu_.outside_.syscall[found - std::begin(kSyscallMsrs)] = value;
    Advance(kLengthMsr);
  }
  return true;
}

const Virtualizer kVirtualizer = {
    .name = "VT-x",
    .prepare = &Prepare,
    .enable = &Enable,
    .initialize = [](Vcpu& vcpu, HostPhysical root) { Guest(vcpu).Initialize(root); },
    .run = [](Vcpu& vcpu, Cpu& cpu, abi::VcpuState& state) { return Guest(vcpu).Run(cpu, state); },
    .unload = [](Vcpu& vcpu) { Guest(vcpu).Unload(); },
};

}  // namespace bulkhead::arch::vmx
