// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Stands in for a VMM, and crashes: how, the pod's kernel command line says.

#include "tests/crash/crasher.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "hypervisor/abi/calls.h"
#include "hypervisor/abi/types.h"
#include "runtime/runtime.h"
#include "vmm/startup.h"

namespace bulkhead::crasher {

struct Device {
  uint64_t reserved[3];
  volatile uint64_t status;
};

FRAME uint64_t ReadStatus(const Device* device) { return device->status; }

FRAME void WriteText() {
  *reinterpret_cast<volatile uint8_t*>(reinterpret_cast<uintptr_t>(&ReadStatus)) = 0x90;
}

FRAME void ReadNonCanonical() {
  (void)ReadStatus(reinterpret_cast<const Device*>(uint64_t{1} << 63));
}

FRAME void ReadHypervisor() {
  (void)ReadStatus(reinterpret_cast<const Device*>(0xffff'ffff'8000'0000));
}

// Without an end on purpose: the stack is to overflow.
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Winfinite-recursion"
FRAME uint64_t Recurse(uint64_t depth) {
  volatile uint64_t here[64] = {depth};
  return Recurse(depth + 1) + here[0];
}
#pragma clang diagnostic pop

FRAME void FrameLoop() {
  uint64_t frame[2] = {};
  frame[0] = reinterpret_cast<uint64_t>(frame);
  frame[1] = reinterpret_cast<uint64_t>(&ReadStatus);
  LoseFrame(reinterpret_cast<uint64_t>(frame));
}

FRAME void Crash(std::string_view how) {
  if (how == "read") (void)ReadStatus(nullptr);
  if (how == "write-text") WriteText();
  if (how == "run-data") RunData();
  if (how == "undefined") UndefinedInstruction();
  if (how == "privileged") PrivilegedInstruction();
  if (how == "non-canonical") ReadNonCanonical();
  if (how == "hypervisor") ReadHypervisor();
  if (how == "stack") (void)Recurse(0);
  // What follows the frame pointer must not trust it.
  if (how == "frame-in-hypervisor") LoseFrame(0xffff'ffff'8000'0000);
  if (how == "frame-unaligned") LoseFrame(0x801);
  if (how == "frame-loop") FrameLoop();
  CrashLikeProcessor(how);
}

}  // namespace bulkhead::crasher

namespace bulkhead {

[[noreturn]] void ProgramMain(uint64_t argument) {
  const auto& startup = *reinterpret_cast<const VmmStartup*>(argument);
  crasher::Crash(startup.command_line);
  // Lives until it is told to stop.
  for (;;) (void)call::EventWait(startup.own_event, abi::kNever);
}

}  // namespace bulkhead
