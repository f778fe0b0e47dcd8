// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "guest/testguest/x86_64/user_mode.h"

#include "guest/testguest/x86_64/descriptors.h"
#include "guest/testguest/x86_64/pages.h"

namespace bulkhead::testguest {
namespace {

constexpr uint64_t kStackBytes = 4096;
alignas(16) uint8_t stack[kStackBytes];

}  // namespace

Exception RunInUserMode(void (*code)(), uint64_t argument, uint64_t rflags) {
  const uint64_t rip = UserAddress(code);
  const uint64_t rsp = UserAddress(stack) + kStackBytes;
  return Try([&] {
    asm volatile(
        "pushq %[ss]\n"
        "pushq %[rsp]\n"
        "pushq %[rflags]\n"
        "pushq %[cs]\n"
        "pushq %[rip]\n"
        "iretq"
        :
        : [ss] "i"(kUserDataSelector), [rsp] "r"(rsp), [rflags] "r"(rflags),
          [cs] "i"(kUserCodeSelector), [rip] "r"(rip), "D"(argument)
        : "memory");
  });
}

}  // namespace bulkhead::testguest
