// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "control/log.h"

#include <cstdint>

#include "hypervisor/abi/calls.h"
#include "hypervisor/abi/types.h"

namespace bulkhead {

void Log(std::string_view text) {
  do {
    const std::string_view part = text.substr(0, abi::kMaxLogLength);
    (void)call::SystemControl(static_cast<uint64_t>(abi::SystemOperation::kLog),
                              reinterpret_cast<uint64_t>(part.data()), part.size(), 0);
    text.remove_prefix(part.size());
  } while (!text.empty());
}

}  // namespace bulkhead
