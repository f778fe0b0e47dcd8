// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/aarch64/id_registers.h"

#include <algorithm>
#include <array>
#include <initializer_list>

#include "hypervisor/abi/aarch64/vcpu_state.h"

namespace bulkhead {
namespace {

// Fields are four bits wide; these take the number of their lowest bit.
constexpr uint64_t Fields(std::initializer_list<uint32_t> lowest_bits) {
  uint64_t mask = 0;
  for (const uint32_t bit : lowest_bits) mask |= uint64_t{0xf} << bit;
  return mask;
}
constexpr uint64_t Field(uint32_t lowest_bit, uint64_t value) { return value << lowest_bit; }

// A register: what passes from the machine, and what is the same on every machine.
struct IdRegister {
  uint8_t crm, op2;
  abi::MachineId machine;
  uint64_t passed;
  uint64_t fixed;
  // A field that passes up to `most`: what it may say above that needs help from the hypervisor.
  uint32_t limited_bit;
  uint64_t most;
};
constexpr uint64_t kNoLimit = 0xf;

constexpr std::array kRegisters = {
    // FP and AdvSIMD, DIT, CSV2 (2 has registers of its own), CSV3. EL0 and EL1 in AArch64 only;
    // the
    // GIC's system registers.
    IdRegister{4, 0, abi::kIdAa64Pfr0, Fields({16, 20, 48, 56, 60}),
               Field(0, 1) | Field(4, 1) | Field(24, 1), 56, 1},
    // BTI, SSBS.
    IdRegister{4, 1, abi::kIdAa64Pfr1, Fields({0, 4}), 0, 0, kNoLimit},
    // Armv8 debug with two breakpoints and two watchpoints, the least there can be; no double lock.
    IdRegister{5, 0, abi::kIdAa64Dfr0, 0,
               Field(0, 6) | Field(12, 1) | Field(20, 1) | Field(36, 0xf), 0, kNoLimit},
    // All but TME.
    IdRegister{6, 0, abi::kIdAa64Isar0,
               Fields({4, 8, 12, 16, 20, 28, 32, 36, 40, 44, 48, 52, 56, 60}), 0, 0, kNoLimit},
    // DPB, JSCVT, FCMA, LRCPC, FRINTTS, SB, SPECRES, BF16, DGH, I8MM.
    IdRegister{6, 1, abi::kIdAa64Isar1, Fields({0, 12, 16, 20, 32, 36, 40, 44, 48, 52}), 0, 0,
               kNoLimit},
    // RPRES, BC, CLRBHB.
    IdRegister{6, 2, abi::kIdAa64Isar2, Fields({4, 20, 28}), 0, 0, kNoLimit},
    // PARange (at most 40 bits), ASIDBits, BigEnd, BigEndEL0, granules of stage 1.
    IdRegister{7, 0, abi::kIdAa64Mmfr0, Fields({0, 4, 8, 16, 20, 24, 28}), 0, 0, 2},
    // HAFDBS, HPDS, PAN, ETS, nTLBPA.
    IdRegister{7, 1, abi::kIdAa64Mmfr1, Fields({0, 12, 20, 36, 48}), 0, 0, kNoLimit},
    // CnP, UAO, VARange, CCIDX, ST, AT, IDS, TTL, BBM, E0PD.
    IdRegister{7, 2, abi::kIdAa64Mmfr2, Fields({0, 4, 16, 20, 28, 32, 36, 48, 52, 60}), 0, 0,
               kNoLimit},
};

}  // namespace

uint64_t GuestIdRegister(uint32_t crm, uint32_t op2, std::span<const uint64_t> machine_id) {
  for (const IdRegister& id : kRegisters) {
    if (id.crm != crm || id.op2 != op2 || id.machine >= machine_id.size()) continue;
    uint64_t value = (machine_id[id.machine] & id.passed) | id.fixed;
    const uint64_t limited = std::min(value >> id.limited_bit & 0xf, id.most);
    value = (value & ~Fields({id.limited_bit})) | Field(id.limited_bit, limited);
    return value;
  }
  return 0;
}

}  // namespace bulkhead
