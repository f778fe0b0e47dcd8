// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_LAYOUT_H_
#define BULKHEAD_BOOT_LAYOUT_H_

// Where the hypervisor image lies, on every architecture. Included by C++ and by assembly; the
// linker scripts repeat the address and check the size.

// Virtual address of the image's first byte: the start of the top 2 GiB, which x86_64's
// -mcmodel=kernel can address.
#define BULKHEAD_IMAGE_VIRTUAL 0xffffffff80000000

// The most that an entry maps of the image, in pages of 2 MiB.
#define BULKHEAD_IMAGE_SUPERPAGES 8

#endif  // BULKHEAD_BOOT_LAYOUT_H_
