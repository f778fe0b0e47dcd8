// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_TESTS_CRASH_CRASHER_H_
#define BULKHEAD_TESTS_CRASH_CRASHER_H_

#include <cstdint>
#include <string_view>

// Not inlined, and called before the caller's last instruction: each has a frame of its own.
#define FRAME [[gnu::noinline, clang::disable_tail_calls]]

namespace bulkhead::crasher {

// Each architecture's own.
void UndefinedInstruction();
void PrivilegedInstruction();
// Jumps to an instruction that is data.
void RunData();
// An undefined instruction once the frame pointer has this value.
void LoseFrame(uint64_t frame);
// What only this processor has; nothing if it does not know the word.
void CrashLikeProcessor(std::string_view how);

}  // namespace bulkhead::crasher

#endif  // BULKHEAD_TESTS_CRASH_CRASHER_H_
