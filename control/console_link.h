// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CONTROL_CONSOLE_LINK_H_
#define BULKHEAD_CONTROL_CONSOLE_LINK_H_

#include "base/format.h"
#include "control/firmware.h"
#include "control/node_link.h"
#include "control/physical.h"
#include "drivers/pci/pci_host.h"
#include "drivers/virtio/virtio_console_driver.h"

namespace bulkhead {

// The node channel over the machine's virtio console.
class ConsoleLink final : public NodeLink {
 public:
  // Its interrupts set `bits` of `event`.
  ConsoleLink(AddressArea& area, uint64_t event, uint64_t bits) : platform_(area, event, bits) {}

  // False: there is none, and `why` says why.
  bool Open(Firmware& firmware, TextWriter& why);

  size_t Send(std::span<const std::byte> bytes) override { return driver_.Send(bytes); }
  size_t Receive(std::span<std::byte> out) override { return driver_.Receive(out); }
  Status status() const override { return driver_.status(); }

 private:
  SupervisorPlatform platform_;
  PciHost pci_;
  VirtioConsoleDriver driver_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROL_CONSOLE_LINK_H_
