// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "tests/crash/crasher.h"

namespace bulkhead::crasher {
namespace {

FRAME void Divide() { asm volatile("divl %%ecx" : : "a"(1), "d"(0), "c"(0)); }

}  // namespace

FRAME void RunData() {
  static constinit uint8_t code[] = {0xc3};  // RET
  reinterpret_cast<void (*)()>(code)();
}

FRAME void UndefinedInstruction() { asm volatile("ud2"); }

FRAME void PrivilegedInstruction() { asm volatile("hlt"); }

FRAME void LoseFrame(uint64_t frame) {
  asm volatile("mov %0, %%rbp; ud2" : : "r"(frame) : "memory");
}

FRAME void CrashLikeProcessor(std::string_view how) {
  if (how == "divide") Divide();
}

}  // namespace bulkhead::crasher
