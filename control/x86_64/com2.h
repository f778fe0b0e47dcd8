// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CONTROL_X86_64_COM2_H_
#define BULKHEAD_CONTROL_X86_64_COM2_H_

#include "drivers/uart/uart16550.h"

namespace bulkhead {

// The second UART of a PC. Each access is a call of the hypervisor.
class Com2 final : public UartRegisters {
 public:
  uint8_t Read(uint16_t offset) override;
  void Write(uint16_t offset, uint8_t value) override;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROL_X86_64_COM2_H_
