// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_HYPERVISOR_ABI_X86_64_VMX_ERRORS_H_
#define BULKHEAD_HYPERVISOR_ABI_X86_64_VMX_ERRORS_H_

// What VT-x says when it refuses: the detail of ExitReason::kInvalidState on such a machine.

#include <cstdint>

namespace bulkhead::abi {

// An exit reason with this bit: the entry failed after the processor had begun to load the guest's
// state (Intel SDM 3C, 27.8). Without it: the number of a VM-instruction error.
inline constexpr uint64_t kVmxEntryFailure = uint64_t{1} << 31;

// VM-instruction errors (Intel SDM 3C, 31.4).
constexpr const char* VmxErrorName(uint64_t number) {
  switch (number) {
    case 0:
      return "no current VMCS";
    case 1:
      return "VMCALL in root operation";
    case 2:
      return "VMCLEAR of an invalid address";
    case 3:
      return "VMCLEAR of the VMXON region";
    case 4:
      return "VMLAUNCH of a VMCS that is not clear";
    case 5:
      return "VMRESUME of a VMCS that was not launched";
    case 6:
      return "VMRESUME after VMXOFF";
    case 7:
      return "invalid control fields";
    case 8:
      return "invalid host state";
    case 9:
      return "VMPTRLD of an invalid address";
    case 10:
      return "VMPTRLD of the VMXON region";
    case 11:
      return "VMPTRLD of another revision";
    case 12:
      return "no such VMCS field";
    case 13:
      return "VMWRITE to a read-only field";
    case 15:
      return "VMXON in root operation";
    case 26:
      return "entry with events blocked by MOV SS";
    case 28:
      return "invalid operand of INVEPT or INVVPID";
    default:
      return "unknown VM-instruction error";
  }
}

// Entries that failed, without kVmxEntryFailure (Intel SDM 3D, appendix C).
constexpr const char* VmxEntryFailureName(uint64_t reason) {
  switch (reason & 0xffff) {
    case 33:
      return "invalid guest state";
    case 34:
      return "a model-specific register could not be loaded";
    case 41:
      return "machine check while the guest was entered";
    default:
      return "unknown entry failure";
  }
}

}  // namespace bulkhead::abi

#endif  // BULKHEAD_HYPERVISOR_ABI_X86_64_VMX_ERRORS_H_
