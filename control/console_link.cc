// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "control/console_link.h"

#include "drivers/pci/bar_assigner.h"

namespace bulkhead {

bool ConsoleLink::Open(Firmware& firmware, TextWriter& why) {
  if (!firmware.FindPciHost(pci_, why)) return false;
  why << "virtio console: ";
  const auto function = VirtioConsoleDriver::Find(platform_, pci_);
  if (!function.ok()) {
    why << StatusName(function.status());
    return false;
  }
  PciBarAssigner bars(pci_);
  if (const Status status = bars.Assign(platform_, *function); status != Status::kOk) {
    why << "no addresses for its registers: " << StatusName(status);
    return false;
  }
  const Status status = driver_.Start(platform_, *function);
  if (status != Status::kOk) why << StatusName(status);
  return status == Status::kOk;
}

}  // namespace bulkhead
