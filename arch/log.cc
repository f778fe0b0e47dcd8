// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "arch/log.h"

#include <atomic>

#include "arch/cpu.h"

namespace bulkhead {

namespace {

// So that lines of several CPUs do not mix. Whoever holds it may have crashed, or be this very CPU,
// whose report comes in between: it is not waited for for ever.
std::atomic<bool> g_writing = false;
constexpr int kPatience = 1'000'000;

}  // namespace

void LogLine(std::string_view text) {
  for (int i = 0; i < kPatience && g_writing.exchange(true, std::memory_order_acquire); ++i) {
    arch::Pause();
  }
  for (const char c : text) arch::PutChar(c);
  arch::PutChar('\n');
  g_writing.store(false, std::memory_order_release);
}

void Fatal(std::string_view text) {
  for (const char c : std::string_view("bulkhead: fatal: ")) arch::PutChar(c);
  LogLine(text);
  arch::ResetMachine();
}

}  // namespace bulkhead
