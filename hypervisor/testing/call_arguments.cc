// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "hypervisor/testing/call_arguments.h"

#include "hypervisor/abi/types.h"

namespace bulkhead::testing {

using abi::Call;
using Type = Argument::Type;

const std::vector<Declaration>& Declarations() {
  static const auto& declarations = *new std::vector<Declaration>{
#include "hypervisor/abi/arguments.inc"
  };
  return declarations;
}

}  // namespace bulkhead::testing
