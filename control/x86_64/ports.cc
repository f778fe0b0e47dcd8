// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "control/x86_64/ports.h"

#include "hypervisor/abi/calls.h"
#include "hypervisor/abi/types.h"

namespace bulkhead {

uint64_t ReadPort(uint16_t port, unsigned width) {
  return call::SystemControl(static_cast<uint64_t>(abi::SystemOperation::kPortRead), port, width, 0)
      .value[0];
}

void WritePort(uint16_t port, unsigned width, uint64_t value) {
  (void)call::SystemControl(static_cast<uint64_t>(abi::SystemOperation::kPortWrite), port, width,
                            value);
}

}  // namespace bulkhead
