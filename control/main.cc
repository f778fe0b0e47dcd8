// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The first program in user mode: from it comes everything else on the node.

#include <new>

#include "control/log.h"
#include "control/supervisor.h"
#include "runtime/runtime.h"

namespace bulkhead {
namespace {

alignas(Supervisor) std::byte g_supervisor[sizeof(Supervisor)];

}  // namespace

[[noreturn]] void ProgramMain(uint64_t argument) {
  SetLastWords(Log);
  const auto& info = *reinterpret_cast<const abi::RootInfo*>(argument);
  if (info.version != abi::kRootInfoVersion) {
    Abort("bulkhead: fatal: hypervisor and supervisor are of different versions");
  }
  (new (g_supervisor) Supervisor(info))->Run();
}

}  // namespace bulkhead
