// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// A virtual processor at EL1: entry, registers, and the state that exits do not switch.

#include "arch/vcpu.h"

#include <array>
#include <bit>
#include <cstddef>

#include "arch/aarch64/gic.h"
#include "arch/aarch64/registers.h"
#include "arch/aarch64/virtualization.h"
#include "base/read_once.h"

extern "C" {
void GuestEnter(bulkhead::arch::Vcpu*);
void SaveVector(uint64_t* area);
void RestoreVector(const uint64_t* area);
extern char HostVectors[];
extern char GuestVectors[];
}

namespace bulkhead::arch {
namespace {

constexpr uint64_t kTimerOn = 1;      // CNTV_CTL: ENABLE
constexpr uint64_t kTimerMasked = 2;  // IMASK
constexpr uint64_t kStateAtReset = kPstateEl1h | kPstateDaif;

void SaveRegisters(std::span<uint64_t, kGuestRegisterCount> to) {
#define BULKHEAD_SAVE(name, assembler, reset) to[name] = BULKHEAD_READ_REGISTER(assembler);
  BULKHEAD_GUEST_REGISTERS(BULKHEAD_SAVE)
#undef BULKHEAD_SAVE
}

void RestoreRegisters(std::span<const uint64_t, kGuestRegisterCount> from) {
#define BULKHEAD_RESTORE(name, assembler, reset) BULKHEAD_WRITE_REGISTER(assembler, from[name]);
  BULKHEAD_GUEST_REGISTERS(BULKHEAD_RESTORE)
#undef BULKHEAD_RESTORE
}

constexpr std::array<uint64_t, kGuestRegisterCount> kResetRegisters = {
#define BULKHEAD_RESET(name, assembler, reset) reset,
    BULKHEAD_GUEST_REGISTERS(BULKHEAD_RESET)
#undef BULKHEAD_RESET
};

void GiveMachineId(std::span<uint64_t, abi::kMachineIdSlots> id) {
  id[abi::kIdAa64Pfr0] = BULKHEAD_READ_REGISTER(id_aa64pfr0_el1);
  id[abi::kIdAa64Pfr1] = BULKHEAD_READ_REGISTER(id_aa64pfr1_el1);
  id[abi::kIdAa64Dfr0] = BULKHEAD_READ_REGISTER(id_aa64dfr0_el1);
  id[abi::kIdAa64Dfr1] = BULKHEAD_READ_REGISTER(id_aa64dfr1_el1);
  id[abi::kIdAa64Isar0] = BULKHEAD_READ_REGISTER(id_aa64isar0_el1);
  id[abi::kIdAa64Isar1] = BULKHEAD_READ_REGISTER(id_aa64isar1_el1);
  id[abi::kIdAa64Isar2] = BULKHEAD_READ_REGISTER(s3_0_c0_c6_2);
  id[abi::kIdAa64Mmfr0] = BULKHEAD_READ_REGISTER(id_aa64mmfr0_el1);
  id[abi::kIdAa64Mmfr1] = BULKHEAD_READ_REGISTER(id_aa64mmfr1_el1);
  id[abi::kIdAa64Mmfr2] = BULKHEAD_READ_REGISTER(s3_0_c0_c7_2);
}

// CPTR_EL2 lets floating point through while this exists: nothing of the hypervisor's own uses it.
class VectorAccess {
 public:
  VectorAccess() {
    BULKHEAD_WRITE_REGISTER(cptr_el2, kGuestCptr);
    InstructionBarrier();
  }
  ~VectorAccess() { BULKHEAD_WRITE_REGISTER(cptr_el2, kHostCptr); }
  VectorAccess(const VectorAccess&) = delete;
  VectorAccess& operator=(const VectorAccess&) = delete;
};

// VMIDs in use. Below VmidCount, and not 0, the host's.
std::array<uint64_t, (1 << 16) / 64> g_vmids;

}  // namespace

Status VmTag::Take() {
  g_vmids[0] |= 1;
  for (uint32_t word = 0; word < VmidCount() / 64; ++word) {
    const auto bit = static_cast<uint32_t>(std::countr_one(g_vmids[word]));
    if (bit == 64) continue;
    g_vmids[word] |= uint64_t{1} << bit;
    vmid_ = word * 64 + bit;
    return Status::kOk;
  }
  return Status::kNoMemory;
}

void VmTag::Release() {
  if (vmid_ != 0) g_vmids[vmid_ / 64] &= ~(uint64_t{1} << vmid_ % 64);
  vmid_ = 0;
}

void Vcpu::Initialize(uint32_t id, std::span<const HostPhysical>, HostPhysical nested_root,
                      VmTag& tag, abi::VcpuState& state) {
  static_assert(offsetof(Vcpu, gpr_) == 0 && offsetof(Vcpu, pc_) == 8 &&
                offsetof(Vcpu, pstate_) == 16);
  gpr_ = state.gpr;
  id_ = id;
  root_ = nested_root;
  tag_ = &tag;
  gic_.Initialize(abi::kVirtualTimerInterrupt, Gic().virtual_timer_interrupt);
  registers_ = kResetRegisters;
  pstate_ = kStateAtReset;
  GiveMachineId(state.machine_id);
}

void Vcpu::Reset() {
  Unload(CurrentCpu());
  registers_ = kResetRegisters;
  thread_ = {};
  interface_ = {};
  gic_ = GuestGic();
  gic_.Initialize(abi::kVirtualTimerInterrupt, Gic().virtual_timer_interrupt);
  timer_taken_ = false;
  deferred_error_ = 0;
  vector_ = {};
  pstate_ = kStateAtReset;
  flush_ = true;
}

// The usual case: nobody else ran in between.
bool Vcpu::IsLoaded(const Cpu& cpu) const {
  return cpu.loaded_vcpu == this && !flush_.load(std::memory_order_relaxed);
}

void Vcpu::Load(Cpu& cpu) {
  if (cpu.loaded_vcpu != this) {
    if (cpu.loaded_vcpu != nullptr) cpu.loaded_vcpu->Unload(cpu);
    RestoreRegisters(registers_);
    {
      const VectorAccess access;
      RestoreVector(vector_.data());
    }
    if (HasRas()) asm volatile("msr s3_4_c12_c1_1, %0" : : "r"(deferred_error_));
    // Guests are not offered it: nothing is to be found there.
    if (HasSecondThreadPointer()) asm volatile("msr s3_3_c13_c0_5, xzr");
    LoadInterface();
    // Affinity level 0 is the number; bit 31 is always one (Arm ARM D17.2.102).
    BULKHEAD_WRITE_REGISTER(vmpidr_el2, uint64_t{1} << 31 | id_);
    cpu.loaded_vcpu = this;
    BULKHEAD_WRITE_REGISTER(vttbr_el2, uint64_t{tag_->vmid_} << 48 | Raw(root_));
    InstructionBarrier();
    // A guest may use an ASID, or no translation at all, differently on each of its processors,
    // which have TLBs of their own; here they share one and the VMID (Arm ARM D8.13.1). And the
    // VMID may have been another machine's when this CPU used it last.
    uint8_t& last = tag_->last_vcpu_[cpu.index];
    if (last != id_ + 1) flush_ = true;
    last = static_cast<uint8_t>(id_ + 1);
  }
  if (flush_.exchange(false, std::memory_order_relaxed)) {
    // With HCR_EL2.TGE clear this is about the current VMID (Arm ARM D8.14.3). And what the VMM put
    // into the guest's memory is to be executed.
    BULKHEAD_WRITE_REGISTER(hcr_el2, kGuestHcr);
    asm volatile("isb; tlbi vmalls12e1; ic iallu; dsb nsh" : : : "memory");
    BULKHEAD_WRITE_REGISTER(hcr_el2, kHostHcr);
    InstructionBarrier();
  }
}

void Vcpu::Unload(Cpu& cpu) {
  if (cpu.loaded_vcpu != this) return;
  SaveRegisters(registers_);
  {
    const VectorAccess access;
    SaveVector(vector_.data());
  }
  if (HasRas()) asm volatile("mrs %0, s3_4_c12_c1_1" : "=r"(deferred_error_));
  SaveInterface();
  cpu.loaded_vcpu = nullptr;
}

bool Vcpu::TakeState(abi::VcpuState& state) {
  const uint32_t dirty = ReadOnce(state.dirty);
  if (dirty != 0) {
    state.dirty = 0;
    if ((dirty & abi::kDirtyReset) != 0) Reset();
    if ((dirty & abi::kDirtyTimer) != 0) counter_offset_ = ReadOnce(state.counter_offset);
    if ((dirty & abi::kDirtyInterrupts) != 0) {
      std::array<uint8_t, abi::kPrivateInterrupts> priority;
      for (uint32_t i = 0; i < priority.size(); ++i)
        priority[i] = ReadOnce(state.private_priority[i]);
      gic_.SetPrivate(ReadOnce(state.private_enabled), priority);
    }
  }
  // Whatever it is, it hurts nobody but the guest.
  pc_ = ReadOnce(state.pc);
  pstate_ = ReadOnce(state.pstate) & kPstateAllowed;
  const uint64_t mode = pstate_ & kPstateModeMask;
  if (mode != kPstateEl0 && mode != kPstateEl1t && mode != kPstateEl1h) return false;
  inject_ = (ReadOnce(state.inject) & abi::kInjectUndefined) != 0;
  state.inject = 0;
  return true;
}

RunOutcome Vcpu::Leave(abi::VcpuState& state, abi::ExitReason reason, uint64_t detail,
                       uint32_t length) {
  state.reason = reason;
  state.instruction_length = length;
  state.detail = detail;
  state.info = esr_;
  state.pc = pc_;
  state.pstate = pstate_;
  if (reason != abi::ExitReason::kSystemRegister && reason != abi::ExitReason::kHypercall) {
    state.esr_el1 = BULKHEAD_READ_REGISTER(esr_el12);
    state.far_el1 = BULKHEAD_READ_REGISTER(far_el12);
    state.elr_el1 = BULKHEAD_READ_REGISTER(elr_el12);
  }
  in_guest_ = false;
  return RunOutcome::kExit;
}

void Vcpu::EnterGuest() {
  BULKHEAD_WRITE_REGISTER(cntvoff_el2, counter_offset_);
#define BULKHEAD_RESTORE(name, assembler, reset) BULKHEAD_WRITE_REGISTER(assembler, thread_[name]);
  BULKHEAD_THREAD_REGISTERS(BULKHEAD_RESTORE)
#undef BULKHEAD_RESTORE
  BULKHEAD_WRITE_REGISTER(ich_hcr_el2, interface_control_);
  BULKHEAD_WRITE_REGISTER(cptr_el2, kGuestCptr);
  BULKHEAD_WRITE_REGISTER(vbar_el2, reinterpret_cast<uint64_t>(GuestVectors));
  // ERET synchronizes all of this.
  BULKHEAD_WRITE_REGISTER(hcr_el2, kGuestHcr);
}

void Vcpu::LeaveGuest() {
  BULKHEAD_WRITE_REGISTER(hcr_el2, kHostHcr);
  BULKHEAD_WRITE_REGISTER(vbar_el2, reinterpret_cast<uint64_t>(HostVectors));
  BULKHEAD_WRITE_REGISTER(cptr_el2, kHostCptr);
  BULKHEAD_WRITE_REGISTER(ich_hcr_el2, 0);
#define BULKHEAD_SAVE(name, assembler, reset) thread_[name] = BULKHEAD_READ_REGISTER(assembler);
  BULKHEAD_THREAD_REGISTERS(BULKHEAD_SAVE)
#undef BULKHEAD_SAVE
  BULKHEAD_WRITE_REGISTER(tpidrro_el0, 0);
  BULKHEAD_WRITE_REGISTER(cntv_ctl_el02, 0);
  InstructionBarrier();
}

RunOutcome Vcpu::Run(Cpu& cpu, abi::VcpuState& state) {
  if (!in_guest_) {
    in_guest_ = TakeState(state);
    if (!in_guest_) {
      Load(cpu);
      esr_ = 0;
      return Leave(state, abi::ExitReason::kInvalidState, pstate_, 0);
    }
  }
  if (halted_) {
    if (!HasPendingInterrupt()) return RunOutcome::kHalted;
    halted_ = false;
  }
  if (!IsLoaded(cpu)) Load(cpu);
  if (timer_taken_ && !TimerAsserted()) WithdrawTimer();
  if (inject_) InjectUndefined();
  inject_ = false;
  PrepareEntry();
  EnterGuest();
  GuestEnter(this);
  LeaveGuest();
  return SlowExit(state);
}

// What the timer tells the interrupt controller (Arm ARM D11.2.4). Not while the guest runs.
bool Vcpu::TimerAsserted() const {
  return (thread_[kCntvCtl] & (kTimerOn | kTimerMasked)) == kTimerOn &&
         Now() - counter_offset_ >= thread_[kCntvCval];
}

bool Vcpu::TimerExpired() const { return Now() >= TimerDeadline(); }

uint64_t Vcpu::TimerDeadline() const {
  constexpr uint64_t kNever = ~uint64_t{0};
  if ((thread_[kCntvCtl] & (kTimerOn | kTimerMasked)) != kTimerOn) return kNever;
  if (!gic_.timer_enabled()) return kNever;  // it would not wake the guest, however often it fires
  const uint64_t compare = thread_[kCntvCval];
  const uint64_t deadline = compare + counter_offset_;
  return deadline < compare ? kNever : deadline;
}

}  // namespace bulkhead::arch
