// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "arch/aarch64/gic.h"

#include "arch/aarch64/registers.h"
#include "arch/log.h"

namespace bulkhead::arch {
namespace {

// Distributor and redistributor registers (Arm IHI 0069, 12.8 to 12.11).
constexpr uint64_t kDistributorControl = 0x0;
constexpr uint64_t kDistributorType = 0x4;
constexpr uint64_t kDistributorClearEnable = 0x180;
constexpr uint32_t kControlGroup1 = 3;  // EnableGrp1 and EnableGrp1A, by security state
constexpr uint32_t kControlAffinity = 1 << 4;
constexpr uint32_t kControlBusy = uint32_t{1} << 31;  // RWP

constexpr uint64_t kRedistributorStride = 128 * 1024;
constexpr uint64_t kRedistributorStrideV4 = 256 * 1024;
constexpr uint64_t kRedistributorType = 0x8;
constexpr uint64_t kTypeVirtualLpis = 1 << 1;
constexpr uint64_t kTypeLast = 1 << 4;
constexpr uint64_t kRedistributorWaker = 0x14;
constexpr uint32_t kWakerSleep = 1 << 1;
constexpr uint32_t kWakerAsleep = 1 << 2;
constexpr uint64_t kPrivateFrame = 64 * 1024;
constexpr uint64_t kPrivateGroup = kPrivateFrame + 0x80;
constexpr uint64_t kPrivateSetEnable = kPrivateFrame + 0x100;
constexpr uint64_t kPrivateClearEnable = kPrivateFrame + 0x180;
constexpr uint64_t kPrivateSetActive = kPrivateFrame + 0x300;
constexpr uint64_t kPrivateClearActive = kPrivateFrame + 0x380;
constexpr uint64_t kPrivatePriority = kPrivateFrame + 0x400;
constexpr uint32_t kPriority = 0xa0a0a0a0;  // of four interrupts
constexpr uint8_t kGuestPriority = 0xc0;    // less urgent

// ICC_SRE_EL2 and ICC_SRE_EL1: system registers, no bypass. Without ICC_SRE_EL2.Enable the latter,
// of which there is no virtual one, is not the guests'.
constexpr uint64_t kSystemRegisters = 7;
constexpr uint64_t kDropOnly = 1 << 1;  // ICC_CTLR_EL1.EOImode: deactivation is separate
constexpr int kPatience = 1000000;      // reads of a register that should change at once

GicInfo g_info;
GicMapping g_mapping;
uint64_t g_redistributor;
uint64_t g_redistributor_physical;

uint32_t Read32(uint64_t address) { return *reinterpret_cast<volatile uint32_t*>(address); }
uint64_t Read64(uint64_t address) { return *reinterpret_cast<volatile uint64_t*>(address); }
void Write32(uint64_t address, uint32_t value) {
  *reinterpret_cast<volatile uint32_t*>(address) = value;
}

void Write8(uint64_t address, uint8_t value) {
  *reinterpret_cast<volatile uint8_t*>(address) = value;
}

void WaitClear(uint64_t address, uint32_t bit, const char* what) {
  for (int i = 0; i < kPatience; ++i) {
    if ((Read32(address) & bit) == 0) return;
  }
  Fatal(what);
}

// GICR_TYPER holds the affinity in its upper half; MPIDR_EL1 has Aff3 apart.
void FindRedistributor(Cpu& cpu) {
  const uint64_t affinity = (cpu.hardware_id & 0xffffff) | (cpu.hardware_id >> 32) << 24;
  for (uint32_t region = 0; region < g_info.redistributor_count; ++region) {
    const GicInfo::Range& range = g_info.redistributors[region];
    uint64_t offset = 0;
    while (offset + kRedistributorStride <= range.length) {
      const uint64_t type = Read64(g_mapping.redistributors[region] + offset + kRedistributorType);
      if (type >> 32 == affinity) {
        cpu.redistributor = g_mapping.redistributors[region] + offset;
        if (cpu.index == 0) {
          g_redistributor = cpu.redistributor;
          g_redistributor_physical = range.start + offset;
        }
        return;
      }
      if ((type & kTypeLast) != 0) break;
      offset += (type & kTypeVirtualLpis) != 0 ? kRedistributorStrideV4 : kRedistributorStride;
    }
  }
  Fatal("the interrupt controller has no redistributor for this processor");
}

void InitializeDistributor() {
  const uint64_t base = g_mapping.distributor;
  Write32(base + kDistributorControl, 0);
  WaitClear(base + kDistributorControl, kControlBusy, "the interrupt controller does not answer");
  // Shared interrupts that the firmware used. ITLinesNumber: 32 of them each.
  const uint32_t words = (Read32(base + kDistributorType) & 0x1f) + 1;
  for (uint32_t word = 1; word < words; ++word) {
    Write32(base + kDistributorClearEnable + uint64_t{4} * word, ~uint32_t{0});
  }
  Write32(base + kDistributorControl, kControlAffinity);
  Write32(base + kDistributorControl, kControlAffinity | kControlGroup1);
  WaitClear(base + kDistributorControl, kControlBusy, "the interrupt controller does not answer");
}

void InitializeRedistributor(const Cpu& cpu) {
  const uint64_t base = cpu.redistributor;
  Write32(base + kRedistributorWaker, Read32(base + kRedistributorWaker) & ~kWakerSleep);
  WaitClear(base + kRedistributorWaker, kWakerAsleep, "the redistributor does not wake");
  Write32(base + kPrivateClearEnable, ~uint32_t{0});
  Write32(base + kPrivateClearActive, ~uint32_t{0});
  Write32(base + kPrivateGroup, ~uint32_t{0});
  for (uint64_t word = 0; word < 8; ++word) Write32(base + kPrivatePriority + 4 * word, kPriority);
  // What a guest can raise again and again never hides an interrupt of the host's, so that
  // Vcpu::TakeInterrupt always sees that first.
  Write8(base + kPrivatePriority + g_info.virtual_timer_interrupt, kGuestPriority);
  Write8(base + kPrivatePriority + g_info.maintenance_interrupt, kGuestPriority);
  Write32(base + kPrivateSetEnable, uint32_t{1} << kKickInterrupt |
                                        uint32_t{1} << g_info.hypervisor_timer_interrupt |
                                        uint32_t{1} << g_info.virtual_timer_interrupt |
                                        uint32_t{1} << g_info.maintenance_interrupt);
}

// ICC_CTLR_EL1.PRIbits: the processor's priorities have one bit more.
unsigned PriorityBits() { return (BULKHEAD_READ_REGISTER(icc_ctlr_el1) >> 8 & 7) + 1; }

// Whether interrupts of group 0 are this world's. Where the secure world has them, priorities are
// shifted at a write of ICC_PMR_EL1, and the lowest bit is lost (Arm IHI 0069, 4.8.6).
bool HasGroup0() {
  BULKHEAD_WRITE_REGISTER(icc_pmr_el1, uint64_t{1} << (8 - PriorityBits()));
  return BULKHEAD_READ_REGISTER(icc_pmr_el1) != 0;
}

// No interrupt is being handled: firmware may have left something, and a reset leaves anything (Arm
// IHI 0069, 12.2.1 and 12.2.2). Group 0 first. 5 bits of preemption fit one register, 6 two, 7
// four.
void ClearActivePriorities() {
  const unsigned bits = PriorityBits();
  if (HasGroup0()) {
    BULKHEAD_WRITE_REGISTER(icc_ap0r0_el1, 0);
    if (bits > 5) BULKHEAD_WRITE_REGISTER(icc_ap0r1_el1, 0);
    if (bits > 6) {
      BULKHEAD_WRITE_REGISTER(icc_ap0r2_el1, 0);
      BULKHEAD_WRITE_REGISTER(icc_ap0r3_el1, 0);
    }
  }
  InstructionBarrier();
  BULKHEAD_WRITE_REGISTER(icc_ap1r0_el1, 0);
  if (bits > 5) BULKHEAD_WRITE_REGISTER(icc_ap1r1_el1, 0);
  if (bits > 6) {
    BULKHEAD_WRITE_REGISTER(icc_ap1r2_el1, 0);
    BULKHEAD_WRITE_REGISTER(icc_ap1r3_el1, 0);
  }
}

void InitializeInterface() {
  BULKHEAD_WRITE_REGISTER(icc_sre_el2, kSystemRegisters);
  InstructionBarrier();
  BULKHEAD_WRITE_REGISTER(icc_sre_el1, kSystemRegisters);
  InstructionBarrier();
  ClearActivePriorities();
  BULKHEAD_WRITE_REGISTER(icc_pmr_el1, 0xff);
  BULKHEAD_WRITE_REGISTER(icc_ctlr_el1, kDropOnly);
  BULKHEAD_WRITE_REGISTER(icc_bpr1_el1, 0);
  BULKHEAD_WRITE_REGISTER(icc_igrpen1_el1, 1);
  InstructionBarrier();
}

}  // namespace

void SetGic(const GicInfo& info, const GicMapping& mapping) {
  g_info = info;
  g_mapping = mapping;
  SetIts(mapping.its, info.its);
}

const GicInfo& Gic() { return g_info; }

uint64_t Redistributor() { return g_redistributor; }
uint64_t RedistributorPhysical() { return g_redistributor_physical; }

void InitializeGic(Cpu& cpu) {
  FindRedistributor(cpu);
  if (cpu.index == 0) InitializeDistributor();
  InitializeRedistributor(cpu);
  InitializeInterface();
}

// ICC_SGI1R_EL1 (Arm IHI 0069, 12.2.20).
void SendKick(uint64_t affinities) {
  const uint64_t aff0 = affinities & 0xff;
  const uint64_t value = (affinities >> 32 & 0xff) << 48 | (aff0 >> 4) << 44 |
                         (affinities >> 16 & 0xff) << 32 | uint64_t{kKickInterrupt} << 24 |
                         (affinities >> 8 & 0xff) << 16 | uint64_t{1} << (aff0 & 0xf);
  // What was written before is seen by whoever the interrupt comes to.
  asm volatile("dsb ish" : : : "memory");
  BULKHEAD_WRITE_REGISTER(icc_sgi1r_el1, value);
  InstructionBarrier();
}

void SetTimerActive(bool active) {
  Write32(CurrentCpu().redistributor + (active ? kPrivateSetActive : kPrivateClearActive),
          uint32_t{1} << g_info.virtual_timer_interrupt);
  // It must be so before the guest can be interrupted.
  asm volatile("dsb sy" : : : "memory");
}

}  // namespace bulkhead::arch
