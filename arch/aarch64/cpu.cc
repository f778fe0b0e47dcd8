// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "arch/cpu.h"

#include <cstddef>

#include "arch/aarch64/gic.h"
#include "arch/aarch64/registers.h"
#include "arch/aarch64/virtualization.h"
#include "arch/upcalls.h"

extern "C" {
[[noreturn]] void ReturnToUser(bulkhead::arch::UserContext*);
extern char HostVectors[];
}

namespace bulkhead::arch {

// Known to entry.S.
static_assert(offsetof(Cpu, kernel_stack) == 0);

namespace {

constexpr uint64_t kTimerEnable = 1;
constexpr uint64_t kAttributesOfMemory = 0x04 | 0xff << 8 | 0x44 << 16;  // Arm ARM D17.2.97

unsigned g_messages = 0;
HostPhysical g_message_pages;

void HandleInterruptId(uint64_t intid) {
  if (intid == Gic().hypervisor_timer_interrupt) {
    BULKHEAD_WRITE_REGISTER(cnthp_ctl_el2, 0);
    InstructionBarrier();
    CurrentCpu().armed_deadline = ~uint64_t{0};  // one shot
    HandleTimer();
  } else if (intid == kKickInterrupt) {
    HandleKick();
  } else if (intid >= kFirstMessageInterrupt) {
    HandleInterrupt(static_cast<unsigned>(intid - kFirstMessageInterrupt));
  }
  // Others are leftovers of a guest that is not running: its timer, its list registers.
}

// Extensions that let guests at more registers (GCS, SME's TPIDR2, permission indirection, branch
// records, ...) do so by bits that are to be set, and firmware may leave anything there: all zero.
// The assembler has no names for them at this level of the architecture (Arm ARM D17.2, HCRX_EL2
// and HFGRTR_EL2 to HFGITR_EL2; D17.3, HDFGRTR_EL2).
void ForbidExtensions() {
  if (IdField(BULKHEAD_READ_REGISTER(id_aa64mmfr1_el1), kMmfr1Hcx) != 0) {
    BULKHEAD_WRITE_REGISTER(s3_4_c1_c2_2, 0);  // HCRX_EL2
  }
  if (IdField(BULKHEAD_READ_REGISTER(id_aa64mmfr0_el1), kMmfr0Fgt) != 0) {
    BULKHEAD_WRITE_REGISTER(s3_4_c1_c1_4, 0);  // HFGRTR_EL2
    BULKHEAD_WRITE_REGISTER(s3_4_c1_c1_5, 0);  // HFGWTR_EL2
    BULKHEAD_WRITE_REGISTER(s3_4_c1_c1_6, 0);  // HFGITR_EL2
    BULKHEAD_WRITE_REGISTER(s3_4_c3_c1_4, 0);  // HDFGRTR_EL2
    BULKHEAD_WRITE_REGISTER(s3_4_c3_c1_5, 0);  // HDFGWTR_EL2
  }
}

// Whose cache and bandwidth memory accesses count to (Arm DDI 0598): the default partition's, the
// hypervisor's as the guests', who cannot choose another. As above, the assembler has no names.
void ForbidPartitions() {
  if (IdField(BULKHEAD_READ_REGISTER(id_aa64pfr0_el1), kPfr0Mpam) == 0 &&
      IdField(BULKHEAD_READ_REGISTER(id_aa64pfr1_el1), kPfr1MpamMinor) == 0) {
    return;
  }
  const uint64_t id = BULKHEAD_READ_REGISTER(s3_0_c10_c4_4);                      // MPAMIDR_EL1
  BULKHEAD_WRITE_REGISTER(s3_4_c10_c5_0, kMpamTrap0 | kMpamTrap1 | kMpamTrapId);  // MPAM2_EL2
  BULKHEAD_WRITE_REGISTER(s3_5_c10_c5_0, 0);                                      // MPAM1_EL12
  BULKHEAD_WRITE_REGISTER(s3_0_c10_c5_1, 0);                                      // MPAM0_EL1
  if ((id & kMpamHasHcr) != 0) {
    BULKHEAD_WRITE_REGISTER(s3_4_c10_c4_0, kMpamHcrTrapId);  // MPAMHCR_EL2
  }
  if ((id & kMpamHasBandwidth) != 0) BULKHEAD_WRITE_REGISTER(s3_4_c10_c5_4, 0);  // MPAMBW2_EL2
}

}  // namespace

void InitializeMachine(Cpu&, HostPhysical pages) {
  g_message_pages = static_cast<HostPhysical>(AlignUp(Raw(pages), 64 * 1024));
}

Status InitializeCpu(Cpu& cpu) {
  cpu.kernel_stack = StackTop(cpu.index);
  cpu.armed_deadline = ~uint64_t{0};
  BULKHEAD_WRITE_REGISTER(tpidr_el2, reinterpret_cast<uint64_t>(&cpu));
  BULKHEAD_WRITE_REGISTER(vbar_el2, reinterpret_cast<uint64_t>(HostVectors));

  // Nothing of the loader's. User mode has neither floating point nor debug, performance and timer
  // registers.
  BULKHEAD_WRITE_REGISTER(hcr_el2, kHostHcr);
  BULKHEAD_WRITE_REGISTER(mair_el2, kAttributesOfMemory);
  BULKHEAD_WRITE_REGISTER(cptr_el2, kHostCptr);
  BULKHEAD_WRITE_REGISTER(mdcr_el2, kMdcr);
  BULKHEAD_WRITE_REGISTER(hstr_el2, 0);
  ForbidExtensions();
  ForbidPartitions();
  BULKHEAD_WRITE_REGISTER(mdscr_el1, 0);
  const uint64_t performance = IdField(BULKHEAD_READ_REGISTER(id_aa64dfr0_el1), kDfr0PmuVer);
  if (performance != 0 && performance != 0xf) BULKHEAD_WRITE_REGISTER(pmuserenr_el0, 0);
  BULKHEAD_WRITE_REGISTER(cnthctl_el2, kCnthctl);
  BULKHEAD_WRITE_REGISTER(cnthp_ctl_el2, 0);
  BULKHEAD_WRITE_REGISTER(cntvoff_el2, 0);
  BULKHEAD_WRITE_REGISTER(cntv_ctl_el02, 0);
  BULKHEAD_WRITE_REGISTER(cntp_ctl_el02, 0);
  BULKHEAD_WRITE_REGISTER(sctlr_el2, kHostSctlr);
  InstructionBarrier();

  const uint64_t affinities = BULKHEAD_READ_REGISTER(mpidr_el1) & kMpidrAffinities;
  cpu.hardware_id = affinities;
  InitializeGic(cpu);
  if (cpu.index == 0) InitializeMessages(g_message_pages);  // they come to the first one
  return EnableVirtualization(cpu);
}

Cpu& CurrentCpu() {
  Cpu* cpu;
  asm("mrs %0, tpidr_el2" : "=r"(cpu));
  return *cpu;
}

void UserContext::Start(uint64_t entry, uint64_t stack, uint64_t argument) {
  *this = {};
  pc = entry;
  sp = stack;
  x[0] = argument;
  pstate = kPstateEl0;
}

uint64_t Now() { return BULKHEAD_READ_REGISTER(cntpct_el0); }
uint64_t CounterHz() { return BULKHEAD_READ_REGISTER(cntfrq_el0); }

void SetTimer(Cpu& cpu, uint64_t deadline) {
  if (cpu.armed_deadline == deadline) return;
  cpu.armed_deadline = deadline;
  if (deadline == ~uint64_t{0}) {
    BULKHEAD_WRITE_REGISTER(cnthp_ctl_el2, 0);
    return;
  }
  BULKHEAD_WRITE_REGISTER(cnthp_cval_el2, deadline);
  BULKHEAD_WRITE_REGISTER(cnthp_ctl_el2, kTimerEnable);
}

Result<Message> AllocateMessage(Cpu&, uint64_t device) {
  static_assert(kInterruptCount <= kMaxMessages);
  if (g_messages >= kInterruptCount) return Status::kNoMemory;
  const Result<GicMessage> message = MapMessage(device, g_messages);
  if (!message.ok()) return message.status();
  return Message{message->address, message->data, g_messages++};
}

void Kick(Cpu& cpu) { SendKick(cpu.hardware_id); }

void ResumeUser(Cpu&, UserContext& context) { ReturnToUser(&context); }

bool HandleAcknowledged(uint64_t intid) {
  if (intid >= kFirstSpecialInterrupt && intid < kFirstMessageInterrupt) return false;
  HandleInterruptId(intid);
  BULKHEAD_WRITE_REGISTER(icc_eoir1_el1, intid);
  if (intid < kFirstMessageInterrupt) BULKHEAD_WRITE_REGISTER(icc_dir_el1, intid);
  InstructionBarrier();
  return true;
}

void TakeInterrupts() {
  for (;;) {
    if (!HandleAcknowledged(BULKHEAD_READ_REGISTER(icc_iar1_el1) & 0xffffff)) return;
  }
}

void WaitForInterrupt() {
  // A masked interrupt wakes, too, and one that is pending already (Arm ARM D1.6.2).
  asm volatile("dsb sy; wfi" : : : "memory");
  TakeInterrupts();
}

}  // namespace bulkhead::arch
