// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/aarch64/system_registers.h"

#include <algorithm>
#include <array>

#include "vmm/aarch64/esr.h"
#include "vmm/aarch64/id_registers.h"

namespace bulkhead {
namespace {

constexpr uint32_t Op0(uint32_t id) { return id >> 14; }
constexpr uint32_t Op1(uint32_t id) { return id >> 11 & 7; }
constexpr uint32_t Crn(uint32_t id) { return id >> 7 & 15; }
constexpr uint32_t Crm(uint32_t id) { return id >> 3 & 15; }
constexpr uint32_t Op2(uint32_t id) { return id & 7; }

// Registers of one word that are named here.
constexpr uint32_t kOslarEl1 = SystemRegisterId(2, 0, 1, 0, 4);
constexpr uint32_t kOslsrEl1 = SystemRegisterId(2, 0, 1, 1, 4);
constexpr uint32_t kActlrEl1 = SystemRegisterId(3, 0, 1, 0, 1);
constexpr uint32_t kRevidrEl1 = SystemRegisterId(3, 0, 0, 0, 6);
constexpr uint32_t kAidrEl1 = SystemRegisterId(3, 1, 0, 0, 7);
constexpr uint32_t kIccSgi0rEl1 = SystemRegisterId(3, 0, 12, 11, 7);
constexpr uint32_t kIccAsgi1rEl1 = SystemRegisterId(3, 0, 12, 11, 6);
constexpr uint32_t kIccSreEl1 = SystemRegisterId(3, 0, 12, 12, 5);
constexpr uint32_t kCntpctEl0 = SystemRegisterId(3, 3, 14, 0, 1);
constexpr uint32_t kDcIsw = SystemRegisterId(1, 0, 7, 6, 2);
constexpr uint32_t kDcCsw = SystemRegisterId(1, 0, 7, 10, 2);
constexpr uint32_t kDcCisw = SystemRegisterId(1, 0, 7, 14, 2);

constexpr uint64_t kSystemRegistersOnly = 7;  // ICC_SRE_EL1: SRE, DFB, DIB (IHI 0069, 12.2.22)
constexpr uint64_t kOsLockThere = 1 << 3;     // OSLSR_EL1.OSLM: implemented, not locked

// Self-hosted and external debug (Arm ARM D8, D19.3): breakpoints and watchpoints can be set but
// never hit, the debug communications channel is always empty. All of op0 = 2 but the trace unit's.
bool IsDebug(uint32_t id) { return Op0(id) == 2 && (Op1(id) == 0 || Op1(id) == 3); }

// ID registers: 3, 0, c0, c1-c7. Those without a name read as zero, too (Arm ARM D12.3.1); so do
// those that say what AArch32 could do.
bool IsIdentification(uint32_t id) {
  return Op0(id) == 3 && Op1(id) == 0 && Crn(id) == 0 && Crm(id) >= 1 && Crm(id) <= 7;
}

}  // namespace

SystemRegisterAccess DecodeSystemRegister(uint64_t esr) {
  const uint32_t id =
      SystemRegisterId(EsrField(esr, 21, 20), EsrField(esr, 16, 14), EsrField(esr, 13, 10),
                       EsrField(esr, 4, 1), EsrField(esr, 19, 17));
  return {id, static_cast<uint8_t>(EsrField(esr, 9, 5)), (esr & 1) != 0};
}

std::optional<uint64_t> ReadSystemRegister(uint32_t id, const SystemRegisterContext& context) {
  if (IsIdentification(id)) return GuestIdRegister(Crm(id), Op2(id), context.machine_id);
  switch (id) {
    case kOslsrEl1:
      return kOsLockThere;
    case kOslarEl1:
      return std::nullopt;  // write-only
    case kActlrEl1:
    case kRevidrEl1:
    case kAidrEl1:
      return 0;
    case kIccSreEl1:
      return kSystemRegistersOnly;
    case kCntpctEl0:
      return context.counter;
    default:
      if (IsDebug(id)) return 0;
      return std::nullopt;
  }
}

bool IgnoresSystemRegisterWrite(uint32_t id) {
  // Maintenance by set and way: guest memory is coherent, and what another processor caches is not
  // the guest's to clean.
  constexpr std::array kIgnored = {kActlrEl1, kIccSgi0rEl1, kIccAsgi1rEl1, kIccSreEl1,
                                   kDcIsw,    kDcCsw,       kDcCisw};
  if (id == kOslsrEl1) return false;  // read-only
  return IsDebug(id) || std::ranges::find(kIgnored, id) != kIgnored.end();
}

}  // namespace bulkhead
