// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_GUEST_TESTGUEST_X86_64_PROCESSOR_CHECKS_H_
#define BULKHEAD_GUEST_TESTGUEST_X86_64_PROCESSOR_CHECKS_H_

// What a processor does for a guest whichever virtualisation is underneath: the same list of
// results on AMD-V and on VT-x. Called by the functions of checks.h.

#include <cstdint>

namespace bulkhead::testguest {

void CheckControlBits();      // CR0, CR4, EFER: what sticks, what is refused
void CheckControlEffects();   // what they do
void CheckModes();            // from long mode down to real mode, and back
void CheckTables();           // GDT, IDT, LDT and the task register
void CheckMsrs();             // those that are switched in hardware
void CheckExtendedState();    // XSETBV
void CheckDebugRegisters();   // breakpoints and single steps, also over what exits
void CheckFlags();            // and software interrupts
void CheckDelivery();         // exceptions and interrupts while something is in the way
void CheckInterruptShadow();  // STI and MOV SS before what exits
void CheckNmi();
void CheckTranslation();  // INVLPG, INVPCID, process-context identifiers
void CheckRefused();      // instructions that a guest does not have
void CheckStringIo();
void CheckMmio();                      // with the I/O APIC's register 0x11 selected
void CheckWideMmio(uint64_t address);  // 8 bytes of a device that are not all zeros

}  // namespace bulkhead::testguest

#endif  // BULKHEAD_GUEST_TESTGUEST_X86_64_PROCESSOR_CHECKS_H_
