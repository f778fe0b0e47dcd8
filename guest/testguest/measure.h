// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_GUEST_TESTGUEST_MEASURE_H_
#define BULKHEAD_GUEST_TESTGUEST_MEASURE_H_

namespace bulkhead::testguest {

// Prints what one round trip of an exit costs, a line each: `measured NAME TICKS`, in ticks of the
// time-stamp counter on x86_64 and in nanoseconds on aarch64, whose counter is slow. Under QEMU's
// `-icount shift=0` either is an instruction.
void MeasureExits();

// The same of what only a whole platform has: a hypercall, a device that the VMM answers for. Says
// nothing of what is not there.
void MeasurePlatform();

}  // namespace bulkhead::testguest

#endif  // BULKHEAD_GUEST_TESTGUEST_MEASURE_H_
