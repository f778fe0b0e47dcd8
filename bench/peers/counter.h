// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BENCH_PEERS_COUNTER_H_
#define BULKHEAD_BENCH_PEERS_COUNTER_H_

#include <cstdint>

namespace bulkhead {

// Instructions since the machine's power-on, from its counter: right only under QEMU's -icount
// shift=0, where an instruction takes a nanosecond.
uint64_t Instructions();

}  // namespace bulkhead

#endif  // BULKHEAD_BENCH_PEERS_COUNTER_H_
