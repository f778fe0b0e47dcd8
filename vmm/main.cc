// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// A pod's VMM.

#include <new>

#include "runtime/runtime.h"
#include "vmm/machine.h"

namespace bulkhead {
namespace {

alignas(Machine) std::byte g_storage[sizeof(Machine)];
Machine* g_machine;

}  // namespace

[[noreturn]] void ProgramMain(uint64_t argument) {
  const auto& startup = *reinterpret_cast<const VmmStartup*>(argument);
  if (startup.magic != kVmmStartupMagic || startup.version != kVmmStartupVersion) Exit(1);
  g_machine = new (g_storage) Machine(startup);
  SetLastWords([](std::string_view text) { g_machine->End(PodEnd::kVmmFailed, text); });
  g_machine->Run();
}

}  // namespace bulkhead
