// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Exceptions of user mode, and of the hypervisor itself.

#include "arch/aarch64/traps.h"

#include <cstddef>
#include <iterator>

#include "arch/aarch64/registers.h"
#include "arch/context.h"
#include "arch/cpu.h"
#include "arch/log.h"
#include "arch/upcalls.h"
#include "base/align.h"
#include "base/format.h"

namespace bulkhead::arch {
namespace {

constexpr int kBacktraceDepth = 16;

bool g_crashed = false;
const char* volatile g_explanation = nullptr;  // set and read around accesses to devices

// The boot stack is in the image.
bool OnHypervisorStack(uint64_t address) {
  const uint64_t top = CurrentCpu().kernel_stack;
  const bool stack = address >= top - kStackBytes && address < top - 8;
  const bool image = address >= kImageBase && address < kDeviceMap;
  return (stack || image) && IsAligned(address, 8);
}

void LogBacktrace(uint64_t pc, uint64_t fp) {
  Text<400> line;
  line << "bulkhead: backtrace " << Hex{pc};
  for (int i = 0; i < kBacktraceDepth && OnHypervisorStack(fp); ++i) {
    const auto* frame = reinterpret_cast<const uint64_t*>(fp);
    if (frame[1] == 0) break;
    line << ' ' << Hex{frame[1]};
    if (frame[0] <= fp) break;
    fp = frame[0];
  }
  LogLine(line.view());
}

}  // namespace

void ExplainCrash(const char* explanation) { g_explanation = explanation; }

void LogContext(const UserContext& c) {
  constexpr size_t kPerLine = 4;
  constexpr size_t kRegisters = 36;
  const uint64_t rest[] = {c.sp, c.pc, c.pstate, c.syndrome, BULKHEAD_READ_REGISTER(far_el2)};
  constexpr const char* kNames[] = {"sp ", "pc ", "pst", "esr", "far"};
  static_assert(sizeof(c.x) / sizeof(c.x[0]) + std::size(rest) == kRegisters &&
                kRegisters % kPerLine == 0);
  for (size_t i = 0; i < kRegisters; i += kPerLine) {
    Text<200> line;
    line << "bulkhead:";
    for (size_t j = i; j < i + kPerLine; ++j) {
      if (j < std::size(c.x)) {
        line << " x" << j << (j < 10 ? "  " : " ") << Hex{c.x[j], 16};
      } else {
        const size_t k = j - std::size(c.x);
        line << ' ' << kNames[k] << ' ' << Hex{rest[k], 16};
      }
    }
    LogLine(line.view());
  }
}

const char* FaultName(uint64_t exception_class) {
  switch (exception_class) {
    case kEcUnknown:
      return "undefined instruction";
    case kEcWfx:
      return "wait instruction";
    case kEcFloatingPoint:
      return "floating point";
    case 0x0e:
      return "illegal state";
    case kEcSmc64:
      return "SMC";
    case kEcSystemRegister:
      return "system register";
    case 0x19:
      return "SVE";
    case kEcInstructionAbortLower:
    case kEcInstructionAbort:
      return "instruction abort";
    case 0x22:
      return "PC alignment";
    case kEcDataAbortLower:
    case kEcDataAbort:
      return "data abort";
    case 0x26:
      return "SP alignment";
    case 0x2f:
      return "SError";
    case 0x30:
    case 0x31:
      return "breakpoint";
    case 0x32:
    case 0x33:
      return "software step";
    case 0x34:
    case 0x35:
      return "watchpoint";
    case 0x3c:
      return "BRK instruction";
    default:
      return "unknown exception";
  }
}

extern "C" [[noreturn]] void HandleUserSync(UserContext* context) {
  const uint64_t code = context->FaultCode();
  if (code == kEcSvc64) HandleCall(*context);
  const bool abort = code == kEcDataAbortLower || code == kEcInstructionAbortLower;
  HandleUserFault(*context, abort ? BULKHEAD_READ_REGISTER(far_el2) : 0);
}

extern "C" [[noreturn]] void HandleUserInterrupt() {
  TakeInterrupts();
  HandlePreemption();
}

// `kind`: of the vector: 0 synchronous, 1 IRQ, 2 FIQ, 3 SError. Interrupts are always masked here.
extern "C" [[noreturn]] void HandleCrash(UserContext* context, uint64_t kind) {
  // What broke may be what the report reads.
  if (g_crashed) Fatal("the hypervisor crashed again while it reported a crash");
  g_crashed = true;
  constexpr const char* kKinds[] = {"", "unexpected IRQ", "unexpected FIQ", "SError"};
  Text<200> line;
  line << "bulkhead: crash: " << (kind == 0 ? FaultName(context->FaultCode()) : kKinds[kind & 3])
       << " in "
       << ((context->pstate & kPstateModeMask) < 8 ? "user mode or a guest" : "the hypervisor");
  LogLine(line.view());
  LogContext(*context);
  LogBacktrace(context->pc, context->FramePointer());
  ReportLastTrace();
  const char* explanation = g_explanation;
  Fatal(explanation != nullptr ? explanation : "the hypervisor crashed; the lines above say where");
}

}  // namespace bulkhead::arch
