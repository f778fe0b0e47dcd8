// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_AARCH64_DEBUG_UART_H_
#define BULKHEAD_VMM_AARCH64_DEBUG_UART_H_

// The transmit side of a PL011 (Arm DDI 0183), as an early console uses it: always ready.

#include <cstdint>

namespace bulkhead {

// Offsets of registers.
inline constexpr uint64_t kUartData = 0x00;   // UARTDR
inline constexpr uint64_t kUartFlags = 0x18;  // UARTFR

inline constexpr uint32_t kUartTransmitEmpty = 1 << 7;  // UARTFR.TXFE
inline constexpr uint32_t kUartTransmitFull = 1 << 5;   // UARTFR.TXFF
inline constexpr uint32_t kUartReceiveEmpty = 1 << 4;   // UARTFR.RXFE

// Every other register reads as zero.
constexpr uint32_t ReadDebugUart(uint64_t offset, bool ready) {
  if (offset != kUartFlags) return 0;
  return kUartReceiveEmpty | (ready ? kUartTransmitEmpty : kUartTransmitFull);
}

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_AARCH64_DEBUG_UART_H_
