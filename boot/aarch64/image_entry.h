// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_AARCH64_IMAGE_ENTRY_H_
#define BULKHEAD_BOOT_AARCH64_IMAGE_ENTRY_H_

// The machine as the loader of an arm64 Image describes it.

#include <cstdint>

namespace bulkhead {

// Reads the devicetree at this physical address and opens the console it names. Fatal if that is
// no devicetree.
void OpenDevicetree(uint64_t physical);

// After OpenDevicetree, at EL1 only: resets the machine the way the devicetree says. At EL2 an HVC
// would come back to us.
void UsePsciOfDevicetree();

// After OpenDevicetree: makes the BootInfo of an image that lies at `image_physical`. Returns its
// physical address. Fatal if the devicetree does not describe a machine we can run on.
uint64_t MakeImageBootInfo(uint64_t image_physical);

}  // namespace bulkhead

#endif  // BULKHEAD_BOOT_AARCH64_IMAGE_ENTRY_H_
