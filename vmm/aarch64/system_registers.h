// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_AARCH64_SYSTEM_REGISTERS_H_
#define BULKHEAD_VMM_AARCH64_SYSTEM_REGISTERS_H_

// System registers that the hypervisor leaves to the VMM. docs/guest-platform-aarch64.md shows the
// list. Those that are not in it do not exist: the guest gets an undefined-instruction exception,
// as from hardware that has no such register.

#include <cstdint>
#include <optional>
#include <span>

namespace bulkhead {

// An MRS or MSR (or SYS) instruction, from the syndrome of its trap.
struct SystemRegisterAccess {
  uint32_t id;  // SystemRegisterId of its operands
  uint8_t gpr;  // 31: XZR
  bool read;
};

constexpr uint32_t SystemRegisterId(uint32_t op0, uint32_t op1, uint32_t crn, uint32_t crm,
                                    uint32_t op2) {
  return op0 << 14 | op1 << 11 | crn << 7 | crm << 3 | op2;
}

// `esr`: of an exit with ExitReason::kSystemRegister.
SystemRegisterAccess DecodeSystemRegister(uint64_t esr);

struct SystemRegisterContext {
  std::span<const uint64_t> machine_id;  // abi::VcpuState::machine_id
  uint64_t counter;                      // the guest's, now
};

// The value that a guest reads; nothing: the register does not exist, or cannot be read.
std::optional<uint64_t> ReadSystemRegister(uint32_t id, const SystemRegisterContext& context);
// Whether a write is ignored; false: the register does not exist, or cannot be written. No register
// of the list keeps anything.
bool IgnoresSystemRegisterWrite(uint32_t id);

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_AARCH64_SYSTEM_REGISTERS_H_
