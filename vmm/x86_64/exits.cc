// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// What the guest did that its VMM has to answer.

#include <algorithm>

#include "base/format.h"
#include "hypervisor/abi/x86_64/vmx_errors.h"
#include "platform/platform.h"
#include "runtime/runtime.h"
#include "vmm/machine.h"
#include "vmm/x86_64/acpi.h"
#include "vmm/x86_64/cpuid.h"
#include "vmm/x86_64/layout.h"
#include "vmm/x86_64/mmio_emulator.h"
#include "vmm/x86_64/msr.h"
#include "vmm/x86_64/processor_cpuid.h"
#include "vmm/x86_64/string_io.h"

namespace bulkhead {
namespace {

constexpr uint32_t kPageFaultVector = 14;
constexpr uint32_t kGeneralProtectionVector = 13;
constexpr uint16_t kLongSegment = 1 << 9;                // SegmentRegister::attributes: L
constexpr uint16_t kDefaultSegment = 1 << 10;            // D
constexpr uint64_t kKvmNoSuchCall = ~uint64_t{0} - 999;  // -KVM_ENOSYS
constexpr uint32_t kUartLineStatus = 5;
constexpr uint32_t kUartEmpty = 0x60;  // transmitter and its holding register

CpuState ToCpuState(const abi::VcpuState& state) {
  CpuState cpu;
  std::copy(std::begin(state.gpr), std::end(state.gpr), cpu.gpr.begin());
  cpu.rip = state.rip;
  cpu.rflags = state.rflags;
  cpu.cr0 = state.cr0;
  cpu.cr3 = state.cr3;
  cpu.cr4 = state.cr4;
  cpu.efer = state.efer;
  cpu.cpl = static_cast<uint8_t>(state.cpl);
  cpu.cs_long = (state.cs.attributes & kLongSegment) != 0;
  cpu.cs_default = (state.cs.attributes & kDefaultSegment) != 0;
  cpu.segment_base = {state.es.base, state.cs.base, state.ss.base,
                      state.ds.base, state.fs.base, state.gs.base};
  return cpu;
}

void FromCpuState(const CpuState& cpu, abi::VcpuState& state) {
  std::copy(cpu.gpr.begin(), cpu.gpr.end(), state.gpr);
  state.rip = cpu.rip;
  state.rflags = cpu.rflags;
}

uint32_t AllOnes(uint32_t width) { return width >= 4 ? ~0u : (1u << (8 * width)) - 1; }

void InjectGeneralProtection(abi::VcpuState& state) {
  state.inject = kGeneralProtectionVector | abi::kInjectValid | abi::kInjectHasError;
  state.inject_error = 0;
}

void InjectPageFault(abi::VcpuState& state, uint64_t linear, uint32_t error_code) {
  state.cr2 = linear;
  state.dirty = abi::kDirtySystem;
  state.inject = kPageFaultVector | abi::kInjectValid | abi::kInjectHasError;
  state.inject_error = error_code;
}

const char* RefusalName(uint64_t detail) {
  constexpr uint64_t kVmexitInvalid = ~uint64_t{0};  // AMD APM 2, appendix C
  if (detail == kVmexitInvalid) return "VMEXIT_INVALID";
  return (detail & abi::kVmxEntryFailure) != 0 ? abi::VmxEntryFailureName(detail)
                                               : abi::VmxErrorName(detail);
}

void SkipInstruction(abi::VcpuState& state) { state.rip += state.instruction_length; }

}  // namespace

void Platform::HandleExit(abi::VcpuState& state) {
  switch (state.reason) {
    case abi::ExitReason::kNone:
    case abi::ExitReason::kKicked:
      return;
    case abi::ExitReason::kCpuid:
      HandleCpuid(state);
      return;
    case abi::ExitReason::kIo:
      HandleIo(state);
      return;
    case abi::ExitReason::kMmio:
      HandleMmio(state);
      return;
    case abi::ExitReason::kMsrRead:
      HandleMsr(state, false);
      return;
    case abi::ExitReason::kMsrWrite:
      HandleMsr(state, true);
      return;
    case abi::ExitReason::kHypercall:
      // There are none; KVM's way of saying so.
      state.gpr[abi::kRax] = kKvmNoSuchCall;
      SkipInstruction(state);
      return;
    default:
      EndOnExit(state);
  }
}

// Exits after which a guest cannot go on.
void Platform::EndOnExit(const abi::VcpuState& state) {
  Text<256> text;
  switch (state.reason) {
    case abi::ExitReason::kShutdown:
      text << "triple fault at " << Hex{state.rip};
      break;
    case abi::ExitReason::kInvalidState:
      text << "the processor refused the guest's state: " << RefusalName(state.detail) << " (code "
           << Hex{state.detail} << "), at " << Hex{state.rip};
      break;
    case abi::ExitReason::kDeadHalt:
      text << "the guest halted with interrupts off at " << Hex{state.rip};
      break;
    case abi::ExitReason::kUnsupported:
      text << "exit " << Hex{state.detail} << " at " << Hex{state.rip} << " is not supported";
      break;
    default:
      text << "exit of unknown kind " << static_cast<uint32_t>(state.reason);
      break;
  }
  machine_.EndWithFault(text.view());
}

void Platform::HandleCpuid(abi::VcpuState& state) {
  cpuid_.cr4 = state.cr4;
  cpuid_.xcr0 = state.xcr0;
  const CpuidRegisters values =
      GuestCpuid(static_cast<uint32_t>(state.gpr[abi::kRax]),
                 static_cast<uint32_t>(state.gpr[abi::kRcx]), cpuid_, ProcessorCpuid);
  state.gpr[abi::kRax] = values.eax;
  state.gpr[abi::kRbx] = values.ebx;
  state.gpr[abi::kRcx] = values.ecx;
  state.gpr[abi::kRdx] = values.edx;
  SkipInstruction(state);
}

uint32_t Platform::ReadPort(uint64_t port, uint32_t width) const {
  if (IsPowerPort(static_cast<uint16_t>(port))) return 0;
  if (machine_.startup().debug_uart != 0 &&
      port - layout::kDebugUartPort < layout::kDebugUartPorts) {
    return port - layout::kDebugUartPort == kUartLineStatus && machine_.DebugReady() ? kUartEmpty
                                                                                     : 0;
  }
  // Nothing there: the bus floats high.
  return AllOnes(width);
}

void Platform::WritePort(uint64_t port, uint32_t value) {
  if (const auto event = PowerPortWrite(static_cast<uint16_t>(port), value); event) {
    if (*event == PowerEvent::kPowerOff) machine_.End(PodEnd::kPoweredOff, "powered off");
    if (*event == PowerEvent::kReset) machine_.End(PodEnd::kReset, "the guest reset itself");
    return;
  }
  if (machine_.startup().debug_uart != 0 && port == layout::kDebugUartPort) {
    machine_.DebugByte(static_cast<std::byte>(value));
  }
}

void Platform::HandleStringIo(abi::VcpuState& state, const StringIo& io) {
  CpuState cpu = ToCpuState(state);
  const PortBus bus = {
      .context = this,
      .read = [](void* context, uint16_t port,
                 uint8_t width) { return static_cast<Platform*>(context)->ReadPort(port, width); },
      .write = [](void* context, uint16_t port, uint8_t,
                  uint32_t value) { static_cast<Platform*>(context)->WritePort(port, value); },
  };
  const StringIoOutcome outcome = EmulateStringIo(cpu, machine_.memory(), io, bus);
  switch (outcome.kind) {
    case StringIoOutcome::Kind::kDone:
      FromCpuState(cpu, state);
      return;
    case StringIoOutcome::Kind::kPageFault:
      InjectPageFault(state, outcome.linear, outcome.error_code);
      return;
    case StringIoOutcome::Kind::kGeneralProtection:
      InjectGeneralProtection(state);
      return;
    case StringIoOutcome::Kind::kUnsupported: {
      Text<256> text;
      text << "string I/O to port " << Hex{io.port} << " at " << Hex{state.rip}
           << " does not go to or from memory";
      machine_.EndWithFault(text.view());
    }
  }
}

void Platform::HandleIo(abi::VcpuState& state) {
  const uint64_t port = state.detail;
  const uint64_t info = state.info;
  const auto width = static_cast<uint32_t>(info & abi::kIoWidthMask);
  const bool in = (info & abi::kIoIn) != 0;
  if ((info & abi::kIoString) != 0) {
    HandleStringIo(state, {.port = static_cast<uint16_t>(port),
                           .width = static_cast<uint8_t>(width),
                           .in = in,
                           .repeat = (info & abi::kIoRepeat) != 0});
    return;
  }
  uint64_t& rax = state.gpr[abi::kRax];
  if (!in) {
    WritePort(port, static_cast<uint32_t>(rax) & AllOnes(width));
  } else if (width == 4) {
    rax = ReadPort(port, width);  // 32-bit results clear the upper half
  } else {
    rax = (rax & ~uint64_t{AllOnes(width)}) | (ReadPort(port, width) & AllOnes(width));
  }
  SkipInstruction(state);
}

// There is no instruction to emulate then.
void Platform::EndOnIndirectMmio(const abi::VcpuState& state) {
  Text<256> text;
  text << ((state.info & abi::kMmioTable) != 0 ? "a page table at "
                                               : "an interrupt or exception delivered to ")
       << Hex{state.detail} << ", where there is no memory (rip " << Hex{state.rip} << ")";
  machine_.EndWithFault(text.view());
}

void Platform::HandleMmio(abi::VcpuState& state) {
  if ((state.info & (abi::kMmioTable | abi::kMmioDelivery)) != 0) EndOnIndirectMmio(state);
  CpuState cpu = ToCpuState(state);
  MmioOutcome outcome;
  machine_.AccessDevices([&](Devices& devices) {
    const MmioBus bus = {
        .context = &devices,
        .read =
            [](void* context, GuestPhysical address, uint8_t width, uint64_t* value) {
              return static_cast<Devices*>(context)->Read(address, width, value);
            },
        .write =
            [](void* context, GuestPhysical address, uint8_t width, uint64_t value) {
              return static_cast<Devices*>(context)->Write(address, width, value);
            },
    };
    outcome = EmulateMmio(cpu, machine_.memory(), static_cast<GuestPhysical>(state.detail),
                          (state.info & abi::kMmioWrite) != 0, bus);
  });
  switch (outcome.kind) {
    case MmioOutcome::Kind::kDone:
      FromCpuState(cpu, state);
      break;
    case MmioOutcome::Kind::kPageFault:
      InjectPageFault(state, outcome.address, outcome.error_code);
      break;
    default: {
      Text<256> text;
      DescribeMmioOutcome(outcome, state.rip, text);
      machine_.EndWithFault(text.view());
    }
  }
}

void Platform::HandleMsr(abi::VcpuState& state, bool write) {
  const auto index = static_cast<uint32_t>(state.detail);
  if (write) {
    if (!msrs_.Write(index, state.info, machine_.memory())) {
      InjectGeneralProtection(state);
      return;
    }
  } else {
    const auto value = msrs_.Read(index, Now() + state.tsc_offset);
    if (!value) {
      InjectGeneralProtection(state);
      return;
    }
    state.gpr[abi::kRax] = *value & 0xffffffff;
    state.gpr[abi::kRdx] = *value >> 32;
  }
  SkipInstruction(state);
}

}  // namespace bulkhead
