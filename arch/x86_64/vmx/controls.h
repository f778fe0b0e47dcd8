// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_X86_64_VMX_CONTROLS_H_
#define BULKHEAD_ARCH_X86_64_VMX_CONTROLS_H_

// What leaves the guest and what entries and exits switch (Intel SDM 3C, 25.6 to 25.8), computed
// from what the processor says it can do (3D, appendix A). Pure logic.

#include <cstdint>

namespace bulkhead::arch::vmx {

enum PinControl : uint32_t {
  kExternalInterruptExit = 1u << 0,
  kNmiExit = 1u << 3,
  kVirtualNmis = 1u << 5,
  kUsePreemptionTimer = 1u << 6,
};

enum PrimaryControl : uint32_t {
  kInterruptWindow = 1u << 2,
  kOffsetTsc = 1u << 3,
  kHltExit = 1u << 7,
  kInvlpgExit = 1u << 9,
  kMwaitExit = 1u << 10,
  kRdpmcExit = 1u << 11,
  kCr3LoadExit = 1u << 15,
  kCr3StoreExit = 1u << 16,
  kCr8LoadExit = 1u << 19,
  kCr8StoreExit = 1u << 20,
  kNmiWindowExit = 1u << 22,
  kIoExit = 1u << 24,
  kUseMsrBitmap = 1u << 28,
  kMonitorExit = 1u << 29,
  kUseSecondary = 1u << 31,
};

enum SecondaryControl : uint32_t {
  kUseEpt = 1u << 1,
  kAllowRdtscp = 1u << 3,
  kUseVpid = 1u << 5,
  kWbinvdExit = 1u << 6,
  kUnrestrictedGuest = 1u << 7,
  kAllowInvpcid = 1u << 12,
};

enum ExitControl : uint32_t {
  kSaveDebug = 1u << 2,
  kHost64 = 1u << 9,
  kSavePat = 1u << 18,
  kLoadHostPat = 1u << 19,
  kSaveEfer = 1u << 20,
  kLoadHostEfer = 1u << 21,
};

enum EntryControl : uint32_t {
  kLoadDebug = 1u << 2,
  kGuest64 = 1u << 9,
  kLoadPat = 1u << 14,
  kLoadEfer = 1u << 15,
};

// Capability MSRs as read: bits that must be one below, bits that may be one above. The true ones
// where IA32_VMX_BASIC says that they exist.
struct Capabilities {
  uint64_t pin;
  uint64_t primary;
  uint64_t secondary;
  uint64_t exit;
  uint64_t entry;
  uint64_t ept_vpid;
};

struct Controls {
  uint32_t pin;
  uint32_t primary;
  uint32_t secondary;
  uint32_t exit;
  uint32_t entry;
  uint64_t ept_pointer;  // without the address
};

// nullptr, or what this processor lacks; `controls` is complete only in the first case.
const char* ComputeControls(const Capabilities& capabilities, Controls& controls);

}  // namespace bulkhead::arch::vmx

#endif  // BULKHEAD_ARCH_X86_64_VMX_CONTROLS_H_
