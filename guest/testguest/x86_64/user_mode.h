// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_GUEST_TESTGUEST_X86_64_USER_MODE_H_
#define BULKHEAD_GUEST_TESTGUEST_X86_64_USER_MODE_H_

#include <cstdint>

#include "guest/testguest/x86_64/interrupts.h"

namespace bulkhead::testguest {

// A piece of code for user mode: assembly that reaches nothing but through its registers, since all
// that the linker knows lies where user mode may not go. RDI is the argument.
#define USER_CODE(name, text) \
  [[gnu::naked]] void name() { asm(text "\nud2"); }

inline constexpr uint64_t kUserFlags = 1 << 1;

// Runs it at CPL 3 on a stack of its own until an exception; UD2 (#UD) is the usual end.
Exception RunInUserMode(void (*code)(), uint64_t argument = 0, uint64_t rflags = kUserFlags);

}  // namespace bulkhead::testguest

#endif  // BULKHEAD_GUEST_TESTGUEST_X86_64_USER_MODE_H_
