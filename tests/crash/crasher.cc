// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Stands in for a VMM, and crashes: how, the pod's kernel command line says.

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

// Not inlined, and called before the caller's last instruction: each has a frame of its own.
#define FRAME [[gnu::noinline, clang::disable_tail_calls]]

FRAME uint64_t ReadStatus(const Device* device) { return device->status; }

FRAME void WriteText() {
  *reinterpret_cast<volatile uint8_t*>(reinterpret_cast<uintptr_t>(&ReadStatus)) = 0x90;
}

FRAME void RunData() {
  static constinit uint8_t code[] = {0xc3};  // RET
  reinterpret_cast<void (*)()>(code)();
}

FRAME void Divide() { asm volatile("divl %%ecx" : : "a"(1), "d"(0), "c"(0)); }

FRAME void UndefinedInstruction() { asm volatile("ud2"); }

FRAME void PrivilegedInstruction() { asm volatile("hlt"); }

FRAME void ReadNonCanonical() {
  (void)ReadStatus(reinterpret_cast<const Device*>(uint64_t{1} << 63));
}

FRAME void ReadHypervisor() {
  (void)ReadStatus(reinterpret_cast<const Device*>(0xffff'ffff'8000'0000));
}

FRAME uint64_t Recurse(uint64_t depth) {
  volatile uint64_t here[64] = {depth};
  return Recurse(depth + 1) + here[0];
}

// What follows RBP must not trust it.
FRAME void LoseFrame(uint64_t frame) { asm volatile("mov %0, %%rbp; ud2" : : "r"(frame)); }

FRAME void FrameLoop() {
  uint64_t frame[2] = {};
  frame[0] = reinterpret_cast<uint64_t>(frame);
  frame[1] = reinterpret_cast<uint64_t>(&ReadStatus);
  asm volatile("mov %0, %%rbp; ud2" : : "r"(frame) : "memory");
}

FRAME void Crash(std::string_view how) {
  if (how == "read") (void)ReadStatus(nullptr);
  if (how == "write-text") WriteText();
  if (how == "run-data") RunData();
  if (how == "divide") Divide();
  if (how == "undefined") UndefinedInstruction();
  if (how == "privileged") PrivilegedInstruction();
  if (how == "non-canonical") ReadNonCanonical();
  if (how == "hypervisor") ReadHypervisor();
  if (how == "stack") (void)Recurse(0);
  if (how == "frame-in-hypervisor") LoseFrame(0xffff'ffff'8000'0000);
  if (how == "frame-unaligned") LoseFrame(0x801);
  if (how == "frame-loop") FrameLoop();
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
