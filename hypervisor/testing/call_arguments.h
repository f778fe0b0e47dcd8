// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_HYPERVISOR_TESTING_CALL_ARGUMENTS_H_
#define BULKHEAD_HYPERVISOR_TESTING_CALL_ARGUMENTS_H_

// What abi/calls.toml declares of every call's arguments.

#include <cstdint>
#include <vector>

#include "hypervisor/abi/call_numbers.h"
#include "hypervisor/object.h"

namespace bulkhead::testing {

struct Argument {
  enum class Type { kHandle, kSize, kOffset, kAddress, kRights, kWord };
  Type type;
  ObjectKind kind;  // of a handle, with the rights that it must have
  uint32_t rights;
};

struct Declaration {
  abi::Call call;
  std::vector<Argument> arguments;
};

// By the calls' numbers.
const std::vector<Declaration>& Declarations();

}  // namespace bulkhead::testing

#endif  // BULKHEAD_HYPERVISOR_TESTING_CALL_ARGUMENTS_H_
