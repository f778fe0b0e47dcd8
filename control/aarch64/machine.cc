// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "control/machine.h"

#include "base/format.h"
#include "base/status.h"
#include "control/log.h"
#include "hypervisor/abi/calls.h"
#include "hypervisor/abi/types.h"

namespace bulkhead {

ElfMachine machine::ProgramMachine() { return ElfMachine::kAarch64; }

// Clocks differ by machine; the loader has read the one there is (RootInfo::wall_clock).
uint64_t machine::ReadClock() { return 0; }

// RNDR exists on some processors (FEAT_RNG, Arm ARM DDI 0487, C5.2.14), but ID_AA64ISAR0_EL1, which
// says on which, cannot be read at EL0.
bool machine::ReadRandom(std::span<std::byte> /*out*/) { return false; }

// Firmware is called through the hypervisor: SYSTEM_OFF (Arm DEN 0022, 5.10).
void machine::PowerOff(AcpiTables* /*tables*/) {
  const abi::Answer answer =
      call::SystemControl(static_cast<uint64_t>(abi::SystemOperation::kPowerOff), 0, 0, 0);
  Text<> text;
  text << "bulkhead: cannot power off: " << StatusName(answer.status);
  Log(text.view());
}

}  // namespace bulkhead
