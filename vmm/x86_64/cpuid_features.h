// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_X86_64_CPUID_FEATURES_H_
#define BULKHEAD_VMM_X86_64_CPUID_FEATURES_H_

// The list of processor features that guests may have (AMD APM 3, appendix E; Intel SDM 2A, CPUID).
// A bit is named here only if using the feature needs nothing of the hypervisor and the VMM beyond
// what they do, and shows nothing of other guests.

#include <cstdint>

namespace bulkhead::cpuid {

constexpr uint32_t Bits(auto... bits) { return ((uint32_t{1} << bits) | ... | 0u); }

// Leaf 1, ECX. Not in it: MONITOR (3) and what needs it, performance counters (15), DS and debug
// store, VMX (5), SMX, EST, TM2, context id (10). Always shown whatever the machine has: x2APIC
// (21) and TSC deadline (24), which the hypervisor emulates, and "hypervisor" (31).
inline constexpr uint32_t kLeaf1Ecx = Bits(/*SSE3*/ 0, /*PCLMULQDQ*/ 1, /*SSSE3*/ 9, /*FMA*/ 12,
                                           /*CMPXCHG16B*/ 13, /*PCID*/ 17, /*SSE4.1*/ 19,
                                           /*SSE4.2*/ 20, /*MOVBE*/ 22, /*POPCNT*/ 23, /*AES*/ 25,
                                           /*XSAVE*/ 26, /*AVX*/ 28, /*F16C*/ 29, /*RDRAND*/ 30);
inline constexpr uint32_t kLeaf1EcxAlways = Bits(/*x2APIC*/ 21, /*TSC deadline*/ 24,
                                                 /*hypervisor*/ 31);
inline constexpr uint32_t kXsave = Bits(26);
inline constexpr uint32_t kOsxsave = Bits(27);
// Meaningless without the AVX state in XCR0.
inline constexpr uint32_t kLeaf1EcxAvx = Bits(/*FMA*/ 12, /*AVX*/ 28, /*F16C*/ 29);

// Leaf 1, EDX. Not in it: machine check (7, 14), because its banks would have to be emulated and
// could tell only of other people's errors; MTRR (12), because what they would say about a guest's
// addresses is fixed by nested paging (Linux then leaves the PAT as after reset, which is right);
// thermal control (22, 29), debug store (21), serial number (18).
inline constexpr uint32_t kLeaf1Edx =
    Bits(/*FPU*/ 0, /*VME*/ 1, /*DE*/ 2, /*PSE*/ 3, /*TSC*/ 4, /*MSR*/ 5, /*PAE*/ 6, /*CX8*/ 8,
         /*SEP*/ 11, /*PGE*/ 13, /*CMOV*/ 15, /*PAT*/ 16, /*PSE36*/ 17, /*CLFLUSH*/ 19,
         /*MMX*/ 23, /*FXSR*/ 24, /*SSE*/ 25, /*SSE2*/ 26, /*self-snoop*/ 27);
inline constexpr uint32_t kLeaf1EdxAlways = Bits(/*APIC*/ 9);
inline constexpr uint32_t kMultithread = Bits(28);  // HTT: EBX counts more than one processor

// Leaf 6, EAX: the APIC timer (ours) never stops.
inline constexpr uint32_t kLeaf6Eax = Bits(/*ARAT*/ 2);

// Leaf 7.0, EBX. Not in it: TSC_ADJUST (1), SGX, transactional memory (4, 11; off in most machines
// for good reason), resource monitoring (12, 15), MPX (14), PCOMMIT, processor trace (25).
inline constexpr uint32_t kLeaf7Ebx =
    Bits(/*FSGSBASE*/ 0, /*BMI1*/ 3, /*AVX2*/ 5, /*FDP_EXCPTN_ONLY*/ 6, /*SMEP*/ 7, /*BMI2*/ 8,
         /*ERMS*/ 9, /*INVPCID*/ 10, /*no FCS/FDS*/ 13, /*AVX512F*/ 16, /*AVX512DQ*/ 17,
         /*RDSEED*/ 18, /*ADX*/ 19, /*SMAP*/ 20, /*AVX512_IFMA*/ 21, /*CLFLUSHOPT*/ 23,
         /*CLWB*/ 24, /*AVX512CD*/ 28, /*SHA*/ 29, /*AVX512BW*/ 30, /*AVX512VL*/ 31);
inline constexpr uint32_t kLeaf7EbxAvx = Bits(/*AVX2*/ 5);
inline constexpr uint32_t kLeaf7EbxAvx512 = Bits(16, 17, 21, 28, 30, 31);

// Leaf 7.0, ECX. Not in it: protection keys (3, 4; PKRU is not saved for guests), WAITPKG (5),
// shadow stacks (7), 5-level paging (16; the VMM's page walk has four levels), bus-lock detection,
// MOVDIRI and MOVDIR64B (27, 28; not emulated on device registers), ENQCMD. RDPID (22) if
// IA32_TSC_AUX is switched.
inline constexpr uint32_t kLeaf7Ecx =
    Bits(/*AVX512_VBMI*/ 1, /*UMIP*/ 2, /*AVX512_VBMI2*/ 6, /*GFNI*/ 8, /*VAES*/ 9,
         /*VPCLMULQDQ*/ 10, /*AVX512_VNNI*/ 11, /*AVX512_BITALG*/ 12, /*AVX512_VPOPCNTDQ*/ 14,
         /*RDPID*/ 22);
inline constexpr uint32_t kLeaf7EcxAvx = Bits(/*VAES*/ 9, /*VPCLMULQDQ*/ 10);
inline constexpr uint32_t kLeaf7EcxAvx512 = Bits(1, 6, 11, 12, 14);
inline constexpr uint32_t kRdpid = Bits(22);

// Leaf 7.0, EDX. Not in it: everything that comes with an MSR of its own (speculation control 26,
// 27, 31; L1D flush 28; architectural capabilities 29), hybrid (15), PCONFIG, branch records, AMX.
inline constexpr uint32_t kLeaf7Edx = Bits(/*AVX512_4VNNIW*/ 2, /*AVX512_4FMAPS*/ 3, /*FSRM*/ 4,
                                           /*AVX512_VP2INTERSECT*/ 8, /*MD_CLEAR*/ 10,
                                           /*SERIALIZE*/ 14, /*AVX512_FP16*/ 23);
inline constexpr uint32_t kLeaf7EdxAvx512 = Bits(2, 3, 8, 23);

// Leaf 7.1, EAX.
inline constexpr uint32_t kLeaf7_1Eax = Bits(/*AVX_VNNI*/ 4, /*AVX512_BF16*/ 5, /*FZRM*/ 10,
                                             /*FSRS*/ 11, /*FSRC*/ 12, /*AVX_IFMA*/ 23);
inline constexpr uint32_t kLeaf7_1EaxAvx = Bits(4, 23);
inline constexpr uint32_t kLeaf7_1EaxAvx512 = Bits(5);

// Leaf 0xd.1, EAX. Not in it: XSAVES (3), which needs IA32_XSS.
inline constexpr uint32_t kLeafD_1Eax = Bits(/*XSAVEOPT*/ 0, /*XSAVEC*/ 1, /*XGETBV with 1*/ 2);

// Leaf 0x80000001, ECX. Not in it: SVM (2), external APIC space (3), CR8 in legacy
// mode (4), OS-visible workarounds (9),
// IBS (10), SKINIT (12), watchdog (13), performance counters (23, 24, 27, 28), topology extensions
// (22; leaf 0xb says it), MWAITX (29).
inline constexpr uint32_t kExtended1Ecx =
    Bits(/*LAHF*/ 0, /*ABM*/ 5, /*SSE4A*/ 6, /*misaligned SSE*/ 7,
         /*PREFETCHW*/ 8, /*XOP*/ 11, /*FMA4*/ 16, /*TBM*/ 21);
inline constexpr uint32_t kExtended1EcxAvx = Bits(/*XOP*/ 11, /*FMA4*/ 16);
inline constexpr uint32_t kCmpLegacy = Bits(1);

// Leaf 0x80000001, EDX: AMD repeats the bits of leaf 1, so the same reasons hold. Not in it: fast
// FXSR (25), which comes with a bit of EFER that guests do not have. RDTSCP (27) if IA32_TSC_AUX is
// switched.
inline constexpr uint32_t kExtended1Edx =
    Bits(/*as leaf 1*/ 0, 1, 2, 3, 4, 5, 6, 8, 13, 15, 16, 17, 23, 24, /*SYSCALL*/ 11, /*NX*/ 20,
         /*MMX extensions*/ 22, /*1 GiB pages*/ 26, /*RDTSCP*/ 27,
         /*long mode*/ 29, /*3DNow! extensions*/ 30, /*3DNow!*/ 31);
inline constexpr uint32_t kExtended1EdxApic = Bits(9);
inline constexpr uint32_t kRdtscp = Bits(27);

// Leaf 0x80000007, EDX: the guest's counter runs at one rate, whatever the machine says of its own.
inline constexpr uint32_t kInvariantTsc = Bits(8);

// Leaf 0x80000008, EBX. Not in it: speculation control (12, 14 to 18, 24 to 28), which comes with
// MSRs; INVLPGB (3), RDPRU (4), which reads counters of the machine.
inline constexpr uint32_t kExtended8Ebx = Bits(/*CLZERO*/ 0, /*FP error pointers*/ 2);

}  // namespace bulkhead::cpuid

#endif  // BULKHEAD_VMM_X86_64_CPUID_FEATURES_H_
