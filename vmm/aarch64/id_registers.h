// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_AARCH64_ID_REGISTERS_H_
#define BULKHEAD_VMM_AARCH64_ID_REGISTERS_H_

// Which features of the machine's processor its guests see (Arm ARM D19.2): an allowlist of fields.
// Not: SVE, SME, MTE, pointer authentication, RAS, AMU, MPAM, performance monitors, statistical
// profiling, trace, nested virtualisation (no EL2), EL3, and AArch32 at any level.

#include <cstdint>
#include <span>

namespace bulkhead {

// What a guest reads from ID register 3, 0, c0, `crm`, `op2`; zero for those that are not known.
// `machine_id` is abi::VcpuState::machine_id.
uint64_t GuestIdRegister(uint32_t crm, uint32_t op2, std::span<const uint64_t> machine_id);

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_AARCH64_ID_REGISTERS_H_
