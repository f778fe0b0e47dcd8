// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Crash reports and traces in the log.

#include <span>

#include "arch/cpu.h"
#include "arch/log.h"
#include "arch/upcalls.h"
#include "base/align.h"
#include "base/format.h"
#include "hypervisor/abi/call_numbers.h"
#include "hypervisor/machine.h"

namespace bulkhead {
namespace {

constexpr int kBacktraceDepth = 16;
constexpr int kTraceLines = 32;  // in a crash report

// A word of user memory, if it is RAM that was given out.
bool ReadUserWord(const Node& node, const Process& process, uint64_t address, uint64_t* word) {
  if (address >= abi::kUserTop || !IsAligned(address, 8)) return false;
  const Translation translation = process.space.Lookup(address);
  if (translation.level == 0 || !translation.attributes.user ||
      !node.pages.Owns(Raw(translation.physical), 8)) {
    return false;
  }
  *word = *arch::ToPointer<uint64_t>(translation.physical);
  return true;
}

void LogTraceEntry(const Trace::Entry& entry) {
  Text<160> line;
  line << "bulkhead: trace " << entry.time << ' ';
  switch (entry.kind) {
    case TraceKind::kNone:
      return;
    case TraceKind::kCall:
      line << "call " << (entry.code < abi::kCallCount ? abi::kCallNames[entry.code] : "unknown");
      break;
    case TraceKind::kExit:
      line << "exit " << entry.code;
      break;
    case TraceKind::kFault:
      line << "fault " << arch::FaultName(entry.code);
      break;
    case TraceKind::kEnd:
      line << "process ended " << entry.code;
      break;
  }
  line << ' ' << Hex{entry.detail};
  LogLine(line.view());
}

// The newest entries, as many as a crash report has room for.
void LogLastTrace(const Trace& trace) {
  int skip = -kTraceLines;
  trace.ForEach([&](const Trace::Entry&) { ++skip; });
  trace.ForEach([&](const Trace::Entry& entry) {
    if (skip-- <= 0) LogTraceEntry(entry);
  });
}

}  // namespace

void DumpTrace(const Node& node) {
  for (const Cpu* cpu : std::span(node.cpus).first(node.cpu_count)) {
    if (node.cpu_count > 1) {
      Text<40> line;
      line << "bulkhead: trace of CPU " << cpu->index;
      LogLine(line.view());
    }
    cpu->trace.ForEach(LogTraceEntry);
  }
}

void ReportUserFault(Node& node, const arch::UserContext& context, uint64_t fault_address) {
  Cpu& cpu = ThisCpu();
  const Process& process = cpu.scheduler.current()->process;
  cpu.trace.Add(arch::Now(), TraceKind::kFault, static_cast<uint32_t>(context.FaultCode()),
                fault_address);
  Text<200> line;
  line << "bulkhead: process " << process.id << " ended: " << arch::FaultName(context.FaultCode())
       << " at " << Hex{context.InstructionPointer()} << ", address " << Hex{fault_address};
  LogLine(line.view());
  arch::LogContext(context);

  Text<400> trail;
  trail << "bulkhead: backtrace process " << process.id << ' ' << Hex{context.InstructionPointer()};
  uint64_t frame = context.FramePointer();
  for (int i = 0; i < kBacktraceDepth; ++i) {
    uint64_t next = 0;
    uint64_t address = 0;
    if (!ReadUserWord(node, process, frame, &next) ||
        !ReadUserWord(node, process, frame + 8, &address) || address == 0) {
      break;
    }
    trail << ' ' << Hex{address};
    if (next <= frame) break;
    frame = next;
  }
  LogLine(trail.view());
  LogLastTrace(cpu.trace);
}

namespace arch {

void ReportLastTrace() { LogLastTrace(ThisCpu().trace); }

}  // namespace arch
}  // namespace bulkhead
