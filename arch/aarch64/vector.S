// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Vector registers of guests: Q0 to Q31, FPCR, FPSR. Nothing of the hypervisor's uses them.

  .arch_extension fp
  .arch_extension simd

  .text
.macro vector_registers operation
  \operation q0, q1, [x0, #0]
  \operation q2, q3, [x0, #32]
  \operation q4, q5, [x0, #64]
  \operation q6, q7, [x0, #96]
  \operation q8, q9, [x0, #128]
  \operation q10, q11, [x0, #160]
  \operation q12, q13, [x0, #192]
  \operation q14, q15, [x0, #224]
  \operation q16, q17, [x0, #256]
  \operation q18, q19, [x0, #288]
  \operation q20, q21, [x0, #320]
  \operation q22, q23, [x0, #352]
  \operation q24, q25, [x0, #384]
  \operation q26, q27, [x0, #416]
  \operation q28, q29, [x0, #448]
  \operation q30, q31, [x0, #480]
.endm

// void SaveVector(uint64_t* area)
  .global SaveVector
SaveVector:
  vector_registers stp
  mrs x1, fpcr
  mrs x2, fpsr
  add x0, x0, #512
  stp x1, x2, [x0]
  ret

// void RestoreVector(const uint64_t* area)
  .global RestoreVector
RestoreVector:
  vector_registers ldp
  add x0, x0, #512
  ldp x1, x2, [x0]
  msr fpcr, x1
  msr fpsr, x2
  ret

  .section .note.GNU-stack, "", @progbits
