// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_AARCH64_REFUSALS_H_
#define BULKHEAD_BOOT_AARCH64_REFUSALS_H_

namespace bulkhead {

// Why the hypervisor cannot run on a machine.
inline constexpr char kStartedAtEl1[] =
    "started at EL1: the machine offers no virtualisation, or something else uses it";
inline constexpr char kNoVhe[] = "the CPU is too old: needs Armv8.1 VHE";

}  // namespace bulkhead

#endif  // BULKHEAD_BOOT_AARCH64_REFUSALS_H_
