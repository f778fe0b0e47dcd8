// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_DRIVERS_PCI_TESTING_FAKE_PCI_BUS_H_
#define BULKHEAD_DRIVERS_PCI_TESTING_FAKE_PCI_BUS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>

#include "drivers/pci/pci.h"
#include "drivers/platform.h"

namespace bulkhead::testing {

// A machine with one PCI bus, number 0, of functions that have nothing but their configuration
// space.
class FakePciBus final : public DriverPlatform {
 public:
  static constexpr HostPhysical kEcam{0xb0000000};

  class Function {
   public:
    template <typename T>
    void Put(uint32_t offset, T value) {
      std::memcpy(config.data() + offset, &value, sizeof(value));
    }
    template <typename T>
    T Get(uint32_t offset) const {
      T value;
      std::memcpy(&value, config.data() + offset, sizeof(value));
      return value;
    }
    // Adds a memory BAR of `size` bytes, a power of two, without an address.
    void PutBar(uint32_t index, uint64_t size, bool wide, bool prefetchable = false);
    // The bus address in a BAR.
    uint64_t Bar(uint32_t index, bool wide) const;

    std::array<std::byte, kPciFunctionBytes> config = {};
    std::array<uint32_t, kPciBars> bar_mask = {};  // bits that can be written
  };

  FakePciBus() { host.ecam = kEcam; }

  // Adds a device that answers to nothing yet. `number`: device << 3 | function.
  Function& Add(uint32_t number, uint16_t vendor, uint16_t device);
  Function& function(uint32_t number) { return functions_.at(number); }

  Result<volatile std::byte*> MapDevice(HostPhysical start, uint64_t length) override;
  Result<DmaPage> AllocateDma() override { return Status::kNoMemory; }
  Result<Msi> AllocateMsi(uint32_t) override { return Status::kNotSupported; }
  uint32_t ReadDevice(const volatile std::byte* address, int width) override;
  void WriteDevice(volatile std::byte* address, int width, uint32_t value) override;

  PciHost host;

 private:
  Function* Find(const volatile std::byte* address, uint32_t& offset);

  std::map<uint32_t, Function> functions_;
};

}  // namespace bulkhead::testing

#endif  // BULKHEAD_DRIVERS_PCI_TESTING_FAKE_PCI_BUS_H_
