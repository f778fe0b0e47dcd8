// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// What the guest did that its VMM has to answer.

#include <algorithm>
#include <optional>

#include "base/format.h"
#include "platform/platform.h"
#include "runtime/runtime.h"
#include "vmm/aarch64/debug_uart.h"
#include "vmm/aarch64/esr.h"
#include "vmm/aarch64/layout.h"
#include "vmm/aarch64/real_time_clock.h"
#include "vmm/aarch64/system_registers.h"
#include "vmm/machine.h"
#include "vmm/wall_clock.h"

namespace bulkhead {
namespace {

constexpr uint8_t kZeroRegister = 31;

// After HVC pc is behind it already: then the length is 0.
void SkipInstruction(abi::VcpuState& state) { state.pc += state.instruction_length; }

// What the guest's own fault handler was told last often says more than where it is now.
void DescribeState(const abi::VcpuState& state, TextWriter& out) {
  out << " (pc " << Hex{state.pc} << ", esr_el1 " << Hex{state.esr_el1} << ", far_el1 "
      << Hex{state.far_el1} << ", elr_el1 " << Hex{state.elr_el1} << ")";
}

// Instructions of features that the guest was not told of: the hardware traps them, the guest sees
// what a processor without them does.
bool IsMissingFeature(uint64_t esr) {
  switch (ClassOf(esr)) {
    case ExceptionClass::kUnknown:
    case ExceptionClass::kFloatingPoint:
    case ExceptionClass::kPointerAuthentication:
    case ExceptionClass::kLoadStore64:
    case ExceptionClass::kSve:
    case ExceptionClass::kSme:
      return true;
    default:
      return false;
  }
}

}  // namespace

void Platform::HandleExit(abi::VcpuState& state) {
  switch (state.reason) {
    case abi::ExitReason::kNone:
    case abi::ExitReason::kKicked:
      return;
    case abi::ExitReason::kMmio:
      HandleMmio(state);
      return;
    case abi::ExitReason::kSystemRegister:
      HandleSystemRegister(state);
      return;
    case abi::ExitReason::kHypercall:
      HandleHypercall(state);
      return;
    case abi::ExitReason::kUnsupported:
      if (!IsMissingFeature(state.info)) EndOnExit(state);
      state.inject = abi::kInjectUndefined;
      return;
    default:
      EndOnExit(state);
  }
}

// Exits after which a guest cannot go on.
void Platform::EndOnExit(const abi::VcpuState& state) {
  Text<256> text;
  switch (state.reason) {
    case abi::ExitReason::kInstructionAbort:
      text << "execution at " << Hex{state.detail} << ", where there is no memory";
      break;
    case abi::ExitReason::kInvalidState:
      text << "the guest's state is not one that can be entered: pstate " << Hex{state.pstate};
      break;
    case abi::ExitReason::kUnsupported:
      text << "exception with syndrome " << Hex{state.info} << " is not supported";
      break;
    default:
      text << "exit of unknown kind " << static_cast<uint32_t>(state.reason);
      break;
  }
  DescribeState(state, text);
  machine_.EndWithFault(text.view());
}

void Platform::EndOnAccess(const abi::VcpuState& state, const char* why) {
  Text<256> text;
  text << "access to " << Hex{state.detail} << ", " << why;
  DescribeState(state, text);
  machine_.EndWithFault(text.view());
}

bool Platform::AccessDebugUart(const MmioAccess& access, uint64_t address, uint64_t* value) {
  const uint64_t offset = address - layout::kDebugUartBase;
  if (machine_.startup().debug_uart == 0 || offset >= layout::kDebugUartSize) return false;
  if (!access.write) {
    *value = ReadDebugUart(offset, machine_.DebugReady());
  } else if (offset == kUartData) {
    machine_.DebugByte(static_cast<std::byte>(*value));
  }
  return true;
}

bool Platform::AccessClock(const MmioAccess& access, uint64_t address, uint64_t* value) {
  const uint64_t offset = address - layout::kRealTimeClockBase;
  const VmmStartup& startup = machine_.startup();
  if (startup.wall_clock == 0 || offset >= layout::kRealTimeClockSize) return false;
  constexpr uint64_t kSecond = 1'000'000'000;
  if (!access.write) *value = ReadRealTimeClock(offset, WallClock(startup, Now()) / kSecond);
  return true;
}

void Platform::HandleMmio(abi::VcpuState& state) {
  MmioAccessError error;
  const std::optional<MmioAccess> access = DecodeMmio(state.info, error);
  if (!access) EndOnAccess(state, error.text);
  const GuestPhysical address{state.detail};
  uint64_t value = access->write ? StoreValue(*access, state.gpr) : 0;
  bool answered = false;
  machine_.AccessDevices([&](Devices& devices) {
    answered = access->write ? devices.Write(address, access->width, value)
                             : devices.Read(address, access->width, &value);
  });
  // Those that are seldom used come last.
  answered = answered || AccessDebugUart(*access, state.detail, &value) ||
             AccessClock(*access, state.detail, &value);
  if (!answered) EndOnAccess(state, "where there is neither memory nor device");
  if (!access->write) FinishLoad(*access, value, state.gpr);
  SkipInstruction(state);
}

void Platform::HandleHypercall(abi::VcpuState& state) {
  // The calling convention is that of immediate 0 (DEN 0028, 2.9).
  SmcccOutcome outcome = {SmcccOutcome::Kind::kReturn, {smccc::kNotSupported}};
  if (EsrField(state.info, 15, 0) == 0) {
    machine_.AccessDevices([&](Devices&) {
      outcome = smccc_->Call(std::span<const uint64_t, 31>(state.gpr).first<4>());
    });
  }
  switch (outcome.kind) {
    case SmcccOutcome::Kind::kPowerOff:
      machine_.End(PodEnd::kPoweredOff, "powered off");
    case SmcccOutcome::Kind::kReset:
      machine_.End(PodEnd::kReset, "the guest reset itself");
    case SmcccOutcome::Kind::kCpuOff:
      machine_.EndWithFault("the guest switched off its last processor");
    case SmcccOutcome::Kind::kReturn:
      break;
  }
  std::ranges::copy(outcome.results, state.gpr);
  SkipInstruction(state);
}

void Platform::HandleSystemRegister(abi::VcpuState& state) {
  const SystemRegisterAccess access = DecodeSystemRegister(state.info);
  if (access.read) {
    const auto value = ReadSystemRegister(
        access.id, {.machine_id = state.machine_id, .counter = Now() - state.counter_offset});
    if (!value) {
      state.inject = abi::kInjectUndefined;
      return;
    }
    if (access.gpr != kZeroRegister) state.gpr[access.gpr] = *value;
  } else if (!IgnoresSystemRegisterWrite(access.id)) {
    state.inject = abi::kInjectUndefined;
    return;
  }
  SkipInstruction(state);
}

}  // namespace bulkhead
