// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_AARCH64_PSCI_H_
#define BULKHEAD_BOOT_AARCH64_PSCI_H_

namespace bulkhead {

// How the firmware's power functions are called (Arm DEN0022, 5.2). At EL2 it can only be SMC.
enum class PsciConduit { kSmc, kHvc };

// What EarlyReset uses from now on; SMC before.
void SetEarlyPsciConduit(PsciConduit conduit);

}  // namespace bulkhead

#endif  // BULKHEAD_BOOT_AARCH64_PSCI_H_
