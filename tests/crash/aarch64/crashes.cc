// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "tests/crash/crasher.h"

namespace bulkhead::crasher {
namespace {

FRAME void Break() { asm volatile("brk #0"); }

}  // namespace

FRAME void RunData() {
  static constinit uint32_t code[] = {0xd65f03c0};  // RET
  reinterpret_cast<void (*)()>(code)();
}

FRAME void UndefinedInstruction() { asm volatile("udf #0"); }

FRAME void PrivilegedInstruction() { asm volatile("msr vbar_el1, xzr"); }

FRAME void LoseFrame(uint64_t frame) {
  asm volatile("mov x29, %0; udf #0" : : "r"(frame) : "memory");
}

FRAME void CrashLikeProcessor(std::string_view how) {
  if (how == "break") Break();
}

}  // namespace bulkhead::crasher
