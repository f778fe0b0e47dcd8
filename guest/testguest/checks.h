// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_GUEST_TESTGUEST_CHECKS_H_
#define BULKHEAD_GUEST_TESTGUEST_CHECKS_H_

#include <cstdint>
#include <string_view>

namespace bulkhead::testguest {

// Each architecture's own.
void CheckEntry(uint64_t boot);  // the state at the entry, and what `boot` points to
void CheckIdentity();            // what the processor says it is, and what it refuses
void CheckRegisters();           // nothing of the guest's registers is lost in an exit
void CheckInterrupts();          // the interrupt controller, timers, waiting
void CheckClock();
void CheckDevices();  // interrupt routing, virtio-mmio

// Does what the mode says, which ends the guest; returns if the mode is unknown.
void BeHostile(std::string_view mode);
// The part of it that is each architecture's own.
void BeHostileToMachine(std::string_view mode);

}  // namespace bulkhead::testguest

#endif  // BULKHEAD_GUEST_TESTGUEST_CHECKS_H_
