// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "arch/aarch64/virtualization.h"

#include "arch/aarch64/registers.h"
#include "arch/vcpu.h"

namespace bulkhead::arch {
namespace {

const char* g_problem = "not initialized";

// What the first processor has, and all others have to have as well.
struct Features {
  uint32_t list_registers = 0;
  uint32_t priority_registers = 0;
  uint32_t vmids = 0;
  bool ras = false;
  bool second_thread_pointer = false;
  bool operator==(const Features&) const = default;
} g_features;

// VTCR_EL2 (Arm ARM D17.2.159): four levels of 4 KiB tables, walks through cached, inner shareable
// memory. `range`: ID_AA64MMFR0_EL1.PARange, the size of guest-physical addresses, too.
uint64_t StageTwoControl(uint64_t range, bool wide_vmids) {
  constexpr unsigned kBits[] = {32, 36, 40, 42, 44, 48};
  constexpr uint64_t kReserved = uint64_t{1} << 31;
  constexpr uint64_t kInnerShareable = 3 << 12;
  constexpr uint64_t kOuterCached = 1 << 10;
  constexpr uint64_t kInnerCached = 1 << 8;
  constexpr uint64_t kStartAtLevel0 = 2 << 6;
  return kReserved | (wide_vmids ? uint64_t{1} << 19 : 0) | range << 16 | kInnerShareable |
         kOuterCached | kInnerCached | kStartAtLevel0 | (64 - kBits[range]);
}

}  // namespace

const char* VirtualizationProblem() { return g_problem; }
const char* VirtualizationName() { return "EL2 with VHE"; }
uint32_t ListRegisters() { return g_features.list_registers; }
uint32_t PriorityRegisters() { return g_features.priority_registers; }
uint32_t VmidCount() { return g_features.vmids; }
bool HasRas() { return g_features.ras; }
bool HasSecondThreadPointer() { return g_features.second_thread_pointer; }

namespace {

// Null, or why this processor cannot run guests.
const char* Enable(Features& found) {
  const uint64_t features = BULKHEAD_READ_REGISTER(id_aa64pfr0_el1);
  const uint64_t memory = BULKHEAD_READ_REGISTER(id_aa64mmfr0_el1);
  uint64_t range = IdField(memory, kMmfr0PaRange);
  constexpr uint64_t kRange44 = 4;
  constexpr uint64_t kRange48 = 5;
  if (range < kRange44) {
    return "physical addresses have less than 44 bits";
  }
  if (range > kRange48) range = kRange48;
  const bool wide = IdField(BULKHEAD_READ_REGISTER(id_aa64mmfr1_el1), kMmfr1VmidBits) == 2;
  found.vmids = wide ? 1 << 16 : 1 << 8;
  found.ras = IdField(features, kPfr0Ras) != 0;
  const bool sme = IdField(BULKHEAD_READ_REGISTER(id_aa64pfr1_el1), kPfr1Sme) != 0;
  found.second_thread_pointer = sme && IdField(memory, kMmfr0Fgt) == 0;
  BULKHEAD_WRITE_REGISTER(vtcr_el2, StageTwoControl(range, wide));

  const uint64_t type = BULKHEAD_READ_REGISTER(ich_vtr_el2);
  constexpr uint64_t kRaisesErrors = 1 << 22;  // SEIS
  if ((type & kRaisesErrors) != 0) {
    // SErrors come to the hypervisor, which does not survive them.
    return "a guest could raise SErrors by its interrupt controller";
  }
  found.list_registers = static_cast<uint32_t>(type & 0x1f) + 1;
  if (found.list_registers > kMaxListRegisters) found.list_registers = kMaxListRegisters;
  // 5 bits of preemption fit one register, 6 two, 7 four (Arm IHI 0069, 12.4.7).
  const uint64_t preemption_bits = (type >> 26 & 7) + 1;
  found.priority_registers = preemption_bits <= 5 ? 1 : preemption_bits == 6 ? 2 : 4;
  BULKHEAD_WRITE_REGISTER(ich_hcr_el2, 0);

  BULKHEAD_WRITE_REGISTER(vpidr_el2, BULKHEAD_READ_REGISTER(midr_el1));
  InstructionBarrier();
  asm volatile("tlbi alle1; dsb nsh; isb" : : : "memory");
  return nullptr;
}

}  // namespace

Status EnableVirtualization(const Cpu& cpu) {
  Features found;
  const char* problem = Enable(found);
  if (cpu.index == 0) {
    g_problem = problem;
    g_features = found;
  }
  return problem == nullptr && found == g_features ? Status::kOk : Status::kNotSupported;
}

}  // namespace bulkhead::arch
