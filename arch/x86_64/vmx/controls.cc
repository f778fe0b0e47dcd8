// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "arch/x86_64/vmx/controls.h"

namespace bulkhead::arch::vmx {
namespace {

struct Wish {
  uint32_t needed;
  uint32_t welcome;  // used where offered
  uint32_t unwanted;
};

constexpr Wish kPin = {
    .needed = kExternalInterruptExit | kNmiExit | kVirtualNmis | kUsePreemptionTimer,
    .welcome = 0,
    .unwanted = 0,
};
// CR8 by exits: x2APIC guests hardly use it, and no virtual-APIC page has to be kept.
constexpr Wish kPrimary = {
    .needed = kOffsetTsc | kHltExit | kMwaitExit | kRdpmcExit | kCr8LoadExit | kCr8StoreExit |
              kIoExit | kUseMsrBitmap | kMonitorExit | kUseSecondary,
    .welcome = 0,
    .unwanted = kInterruptWindow | kNmiWindowExit | kInvlpgExit | kCr3LoadExit | kCr3StoreExit,
};
constexpr Wish kSecondary = {
    .needed = kUseEpt | kUseVpid | kUnrestrictedGuest,
    .welcome = kAllowRdtscp | kWbinvdExit | kAllowInvpcid,
    .unwanted = 0,
};
constexpr Wish kExit = {
    .needed = kSaveDebug | kHost64 | kSavePat | kLoadHostPat | kSaveEfer | kLoadHostEfer,
    .welcome = 0,
    .unwanted = 0,
};
constexpr Wish kEntry = {
    .needed = kLoadDebug | kLoadPat | kLoadEfer,
    .welcome = 0,
    .unwanted = kGuest64,  // the vCPU's state decides
};

bool Compute(uint64_t capability, const Wish& wish, uint32_t& control) {
  const auto must = static_cast<uint32_t>(capability);
  const auto may = static_cast<uint32_t>(capability >> 32);
  control = must | wish.needed | (wish.welcome & may);
  return (wish.needed & ~may) == 0 && (wish.unwanted & must) == 0;
}

// IA32_VMX_EPT_VPID_CAP (Intel SDM 3D, A.10).
constexpr uint64_t kEptWalk4 = 1 << 6;
constexpr uint64_t kEptWriteBack = 1 << 14;
constexpr uint64_t kEpt2Mib = 1 << 16;
constexpr uint64_t kEptInvalidate = 1 << 20 | 1 << 25;  // INVEPT, of one context
constexpr uint64_t kEptAccessedDirty = 1 << 21;
constexpr uint64_t kEptNeeded = kEptWalk4 | kEptWriteBack | kEpt2Mib | kEptInvalidate;

// The EPT pointer's lower bits (Intel SDM 3C, 25.6.11).
constexpr uint64_t kPointerWriteBack = 6;
constexpr uint64_t kPointerWalk4 = 3 << 3;
constexpr uint64_t kPointerAccessedDirty = 1 << 6;

}  // namespace

const char* ComputeControls(const Capabilities& capabilities, Controls& controls) {
  if (!Compute(capabilities.pin, kPin, controls.pin)) {
    return "this processor's VT-x has no virtual NMIs or no preemption timer";
  }
  if ((capabilities.primary >> 32 & kUseSecondary) == 0 ||
      !Compute(capabilities.secondary, kSecondary, controls.secondary)) {
    return "this processor's VT-x has no EPT, no VPID or no unrestricted guest";
  }
  if (!Compute(capabilities.primary, kPrimary, controls.primary)) {
    return "this processor's VT-x lacks a control: it has no MSR bitmaps, or every access to CR3 "
           "leaves the guest";
  }
  if (!Compute(capabilities.exit, kExit, controls.exit) ||
      !Compute(capabilities.entry, kEntry, controls.entry)) {
    return "this processor's VT-x does not switch EFER and PAT";
  }
  if ((capabilities.ept_vpid & kEptNeeded) != kEptNeeded) {
    return "this processor's EPT has no 2 MiB pages, no write-back tables or no INVEPT";
  }
  controls.ept_pointer =
      kPointerWriteBack | kPointerWalk4 |
      ((capabilities.ept_vpid & kEptAccessedDirty) != 0 ? kPointerAccessedDirty : 0);
  return nullptr;
}

}  // namespace bulkhead::arch::vmx
