// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BENCH_X86_64_BARE_H_
#define BULKHEAD_BENCH_X86_64_BARE_H_

// The measurement of exits on a machine without a hypervisor: the program makes itself the guest of
// the shortest possible loop around the entry. What it prints is the floor for every hypervisor.

#include <cstdint>

namespace bulkhead {

// Where the guest begins, and its stack as a call would leave it: 8 off a multiple of 16. It has
// this program's own page tables and descriptors: its addresses mean the same.
[[noreturn]] void BareGuest();
uint64_t BareStack();

// By AMD-V, by VT-x. Neither checks whether there is such a thing.
[[noreturn]] void RunBareSvm();
[[noreturn]] void RunBareVmx();

}  // namespace bulkhead

#endif  // BULKHEAD_BENCH_X86_64_BARE_H_
