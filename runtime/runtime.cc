// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "runtime/runtime.h"

#include <cstddef>

#include "hypervisor/abi/calls.h"

namespace bulkhead {
namespace {

LastWords g_last_words = nullptr;

using Constructor = void (*)();
extern "C" Constructor __init_array_start[];
extern "C" Constructor __init_array_end[];

}  // namespace

void SetLastWords(LastWords last_words) { g_last_words = last_words; }

void Exit(uint64_t code) {
  for (;;) (void)call::ProcessExit(code);
}

void Abort(std::string_view text) {
  if (g_last_words != nullptr) g_last_words(text);
  Exit(kAbortCode);
}

Status MapInProcess(uint64_t process, uint64_t address, uint64_t memory, uint64_t offset,
                    uint64_t length, uint64_t rights) {
  for (;;) {
    const abi::Answer answer = call::ProcessMap(process, address, memory, offset, length, rights);
    if (!answer.ok()) return answer.status;
    if (answer.value[0] == length) return Status::kOk;
  }
}

Status UnmapInProcess(uint64_t process, uint64_t address, uint64_t memory, uint64_t length) {
  for (;;) {
    const abi::Answer answer = call::ProcessMap(process, address, memory, 0, length, 0);
    if (!answer.ok()) return answer.status;
    if (answer.value[0] == 0) return Status::kOk;
  }
}

Status MapInVm(uint64_t vm, uint64_t address, uint64_t memory, uint64_t offset, uint64_t length,
               uint64_t rights) {
  for (;;) {
    const abi::Answer answer = call::VmMap(vm, address, memory, offset, length, rights);
    if (!answer.ok()) return answer.status;
    if (answer.value[0] == length) return Status::kOk;
  }
}

}  // namespace bulkhead

extern "C" {

[[noreturn]] void RuntimeStart(uint64_t argument) {
  for (bulkhead::Constructor* c = bulkhead::__init_array_start; c != bulkhead::__init_array_end;
       ++c) {
    (*c)();
  }
  bulkhead::ProgramMain(argument);
}

// What the compiler and libc++ call (Itanium C++ ABI, 3.2.6 and 3.3.6). Programs here do not end by
// returning, so destructors of static objects never run.
[[noreturn]] void abort() { bulkhead::Abort("abort"); }
[[noreturn]] void __cxa_pure_virtual() { bulkhead::Abort("pure virtual call"); }
int __cxa_atexit(void (*)(void*), void*, void*) { return 0; }
void* __dso_handle = nullptr;

[[noreturn]] void assert_fail_(const char* expression, const char* /*file*/, int /*line*/) {
  bulkhead::Abort(expression);
}

}  // extern "C"

namespace std::inline __1 {
// A check of the hardened library failed.
[[noreturn]] void __libcpp_verbose_abort(const char* text, ...) { bulkhead::Abort(text); }
}  // namespace std::inline __1
