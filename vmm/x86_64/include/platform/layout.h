// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_X86_64_INCLUDE_PLATFORM_LAYOUT_H_
#define BULKHEAD_VMM_X86_64_INCLUDE_PLATFORM_LAYOUT_H_

#include "vmm/x86_64/layout.h"

#endif  // BULKHEAD_VMM_X86_64_INCLUDE_PLATFORM_LAYOUT_H_
