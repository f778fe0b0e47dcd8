// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "control/power.h"

#include "base/format.h"
#include "control/log.h"
#include "control/ports.h"
#include "hypervisor/abi/calls.h"
#include "hypervisor/abi/types.h"
#include "runtime/runtime.h"

namespace bulkhead {
namespace {

// Registers in memory are those of hardware-reduced machines, which have other ways to be reached.
bool Apply(const RegisterWrite& write) {
  if (write.width == 0) return true;
  if (write.space != RegisterSpace::kPort || write.address > 0xffff) return false;
  const auto port = static_cast<uint16_t>(write.address);
  const uint64_t old = write.clear == ~uint32_t{0} ? 0 : ReadPort(port, write.width);
  WritePort(port, write.width, (old & ~uint64_t{write.clear}) | write.set);
  return true;
}

}  // namespace

void PowerOffMachine(AcpiTables* tables) {
  PowerOff how;
  if (tables != nullptr) {
    if (const AcpiError error = tables->ReadPowerOff(how); !error.ok()) {
      Text<> text;
      text << "bulkhead: cannot power off: " << error;
      Log(text.view());
    } else {
      if (how.smi_port != 0) WritePort(how.smi_port, 1, how.acpi_enable);
      if (Apply(how.first)) Apply(how.second);
    }
  }
  (void)call::SystemControl(static_cast<uint64_t>(abi::SystemOperation::kReset), 0, 0, 0);
  Exit(0);
}

}  // namespace bulkhead
