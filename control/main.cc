// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The supervisor: the first program, from which everything else on the node comes.

#include "base/format.h"
#include "control/log.h"
#include "hypervisor/abi/calls.h"
#include "hypervisor/abi/types.h"
#include "runtime/runtime.h"

namespace bulkhead {

[[noreturn]] void ProgramMain(uint64_t argument) {
  SetLastWords(Log);
  const auto& info = *reinterpret_cast<const abi::RootInfo*>(argument);
  Text<> text;
  text << "supervisor: bundle of " << info.bundle_length << " bytes, counter " << info.counter_hz << " cmd " << info.command_line;
  Log(text.view());
  (void)call::SystemControl(static_cast<uint64_t>(abi::SystemOperation::kReset), 0, 0, 0);
  Exit(0);
}

}  // namespace bulkhead
