// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "bench/peers/counter.h"

namespace bulkhead {

// QEMU's time-stamp counter has 1 GHz.
uint64_t Instructions() { return __builtin_ia32_rdtsc(); }

}  // namespace bulkhead
