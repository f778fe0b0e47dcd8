// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_X86_64_VMX_INSTRUCTIONS_H_
#define BULKHEAD_ARCH_X86_64_VMX_INSTRUCTIONS_H_

// The VMX instructions (Intel SDM 3C, 31.3). They answer in the flags: CF: failed, and there is no
// current VMCS to say why; ZF: failed, and its VM-instruction error field says why.

#include <cstdint>

namespace bulkhead::arch::vmx {

// Of no use as a VMCS's address; what VMPTRST gives when none is current.
inline constexpr uint64_t kNoVmcs = ~uint64_t{0};

// Ends the machine with the instruction's name, and the error's number and name.
[[noreturn, gnu::cold]] void VmFail(const char* instruction);

// Runs an instruction whose operand is in memory.
#define BULKHEAD_VMX_INSTRUCTION(Name, name)                                \
  inline void Name(uint64_t physical) {                                     \
    bool failed;                                                            \
    asm volatile(name " %1" : "=@ccbe"(failed) : "m"(physical) : "memory"); \
    if (failed) VmFail(name);                                               \
  }
BULKHEAD_VMX_INSTRUCTION(Vmxon, "vmxon")
BULKHEAD_VMX_INSTRUCTION(Vmclear, "vmclear")
BULKHEAD_VMX_INSTRUCTION(Vmptrld, "vmptrld")
#undef BULKHEAD_VMX_INSTRUCTION

inline uint64_t Vmptrst() {
  uint64_t physical;
  asm volatile("vmptrst %0" : "=m"(physical) : : "cc");
  return physical;
}

inline uint64_t Vmread(uint64_t field) {
  uint64_t value;
  bool failed;
  asm volatile("vmread %2, %0" : "=r"(value), "=@ccbe"(failed) : "r"(field));
  if (failed) VmFail("vmread");
  return value;
}

inline void Vmwrite(uint64_t field, uint64_t value) {
  bool failed;
  asm volatile("vmwrite %1, %2" : "=@ccbe"(failed) : "r"(value), "r"(field) : "memory");
  if (failed) VmFail("vmwrite");
}

// Forgets translations through the EPT tables of one pointer; of one VPID's guest addresses, or
// all (Intel SDM 3C, 29.4.3).
inline void Invept(uint64_t ept_pointer) {
  const uint64_t descriptor[2] = {ept_pointer, 0};
  bool failed;
  asm volatile("invept %1, %2" : "=@ccbe"(failed) : "m"(descriptor), "r"(uint64_t{1}) : "memory");
  if (failed) VmFail("invept");
}
inline void InvvpidAll() {
  const uint64_t descriptor[2] = {};
  bool failed;
  asm volatile("invvpid %1, %2" : "=@ccbe"(failed) : "m"(descriptor), "r"(uint64_t{2}) : "memory");
  if (failed) VmFail("invvpid");
}

}  // namespace bulkhead::arch::vmx

#endif  // BULKHEAD_ARCH_X86_64_VMX_INSTRUCTIONS_H_
