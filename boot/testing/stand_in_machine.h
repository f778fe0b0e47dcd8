// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_TESTING_STAND_IN_MACHINE_H_
#define BULKHEAD_BOOT_TESTING_STAND_IN_MACHINE_H_

// What the contract in boot/boot_info.h says of the CPU, an implementation for each architecture.

namespace bulkhead {

bool InterruptsAreOff();
// And whatever else protects memory from the most privileged code.
bool TranslationIsOn();

}  // namespace bulkhead

#endif  // BULKHEAD_BOOT_TESTING_STAND_IN_MACHINE_H_
