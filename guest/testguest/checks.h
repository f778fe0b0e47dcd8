// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_GUEST_TESTGUEST_CHECKS_H_
#define BULKHEAD_GUEST_TESTGUEST_CHECKS_H_

#include <string_view>

namespace bulkhead::testguest {

void CheckIdentity();    // CPUID, MSRs, ports, hypercalls
void CheckRegisters();   // nothing of the guest's registers is lost in an exit
void CheckInterrupts();  // x2APIC, timers, HLT
void CheckClock();       // paravirtual clock
void CheckDevices();     // I/O APIC, virtio-mmio

// Does what the mode says, which ends the guest; returns if the mode is unknown.
void BeHostile(std::string_view mode);

}  // namespace bulkhead::testguest

#endif  // BULKHEAD_GUEST_TESTGUEST_CHECKS_H_
