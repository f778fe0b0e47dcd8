// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Exceptions and interrupts, from user mode and from the hypervisor itself.

#include <array>
#include <cstddef>
#include <iterator>

#include "arch/context.h"
#include "arch/cpu.h"
#include "arch/log.h"
#include "arch/upcalls.h"
#include "arch/x86_64/local_apic.h"
#include "arch/x86_64/registers.h"
#include "base/format.h"

namespace bulkhead::arch {
namespace {

constexpr std::array<const char*, 32> kExceptionNames = {
    "divide error",
    "debug",
    "NMI",
    "breakpoint",
    "overflow",
    "bound range",
    "invalid opcode",
    "device not available",
    "double fault",
    "coprocessor",
    "invalid TSS",
    "segment not present",
    "stack fault",
    "general protection",
    "page fault",
    "reserved",
    "x87 error",
    "alignment check",
    "machine check",
    "SIMD error",
    "virtualization",
    "control protection",
    "reserved",
    "reserved",
    "reserved",
    "reserved",
    "reserved",
    "reserved",
    "hypervisor injection",
    "VMM communication",
    "security",
    "reserved",
};

constexpr int kBacktraceDepth = 16;

bool g_crashed = false;

void HandleVector(unsigned vector) {
  if (vector == kSpuriousVector) return;
  AcknowledgeInterrupt();
  if (vector == kTimerVector) {
    CurrentCpu().armed_deadline = ~uint64_t{0};  // one shot
    HandleTimer();
  } else if (vector == kKickVector) {
    HandleKick();
  } else {
    HandleInterrupt(vector);
  }
}

// The first CPU's emergency stacks are in the image. Above its stack a CPU has nothing of its own.
bool OnHypervisorStack(uint64_t address) {
  const uint64_t top = CurrentCpu().kernel_stack;
  const bool stack = address >= top - kStackStride && address < top - 8;
  const bool image = address >= kImageBase && address < kDeviceMap;
  return (stack || image) && IsAligned(address, 8);
}

void LogBacktrace(uint64_t rip, uint64_t rbp) {
  Text<400> line;
  line << "bulkhead: backtrace " << Hex{rip};
  for (int i = 0; i < kBacktraceDepth && OnHypervisorStack(rbp); ++i) {
    const auto* frame = reinterpret_cast<const uint64_t*>(rbp);
    if (frame[1] == 0) break;
    line << ' ' << Hex{frame[1]};
    if (frame[0] <= rbp) break;
    rbp = frame[0];
  }
  LogLine(line.view());
}

}  // namespace

void LogContext(const UserContext& c) {
  const struct {
    const char* name;
    uint64_t value;
  } registers[] = {
      {"rax", c.rax}, {"rbx", c.rbx}, {"rcx", c.rcx},    {"rdx", c.rdx},   {"rsi", c.rsi},
      {"rdi", c.rdi}, {"rbp", c.rbp}, {"rsp", c.rsp},    {"r8 ", c.r8},    {"r9 ", c.r9},
      {"r10", c.r10}, {"r11", c.r11}, {"r12", c.r12},    {"r13", c.r13},   {"r14", c.r14},
      {"r15", c.r15}, {"rip", c.rip}, {"flg", c.rflags}, {"err", c.error}, {"cr2", ReadCr2()},
  };
  constexpr size_t kPerLine = 4;
  static_assert(std::size(registers) % kPerLine == 0);
  for (size_t i = 0; i < std::size(registers); i += kPerLine) {
    Text<200> line;
    line << "bulkhead:";
    for (size_t j = i; j < i + kPerLine; ++j) {
      line << ' ' << registers[j].name << ' ' << Hex{registers[j].value, 16};
    }
    LogLine(line.view());
  }
}

extern "C" [[noreturn]] void HandleUserTrap(UserContext* context) {
  if (context->vector < 32) HandleUserFault(*context, context->vector == 14 ? ReadCr2() : 0);
  HandleVector(static_cast<unsigned>(context->vector));
  HandlePreemption();
}

extern "C" void HandleKernelTrap(UserContext* context) {
  if (context->vector >= 32) {
    HandleVector(static_cast<unsigned>(context->vector));
    return;
  }
  if (context->vector == 2) {
    LogLine("bulkhead: NMI ignored");
    return;
  }
  // What broke may be what the report reads.
  if (g_crashed) Fatal("the hypervisor crashed again while it reported a crash");
  g_crashed = true;
  Text<200> line;
  line << "bulkhead: crash: " << kExceptionNames[context->vector] << " in "
       << ((context->cs & 3) != 0 ? "user mode" : "the hypervisor");
  LogLine(line.view());
  LogContext(*context);
  LogBacktrace(context->rip, context->rbp);
  ReportLastTrace();
  Fatal("the hypervisor crashed; the lines above say where");
}

const char* FaultName(uint64_t vector) {
  return vector < kExceptionNames.size() ? kExceptionNames[vector] : "unknown";
}

}  // namespace bulkhead::arch
