// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_X86_64_COM1_H_
#define BULKHEAD_BOOT_X86_64_COM1_H_

#include <cstdint>

namespace bulkhead {

// I/O port of the UART that loaders and hypervisor log to on a PC.
inline constexpr uint64_t kComPort1 = 0x3f8;

}  // namespace bulkhead

#endif  // BULKHEAD_BOOT_X86_64_COM1_H_
