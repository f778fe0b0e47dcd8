// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_DRIVERS_PLATFORM_H_
#define BULKHEAD_DRIVERS_PLATFORM_H_

#include <cstddef>
#include <cstdint>

#include "base/address.h"
#include "base/status.h"

// DmaAcquire, DmaRelease and DmaFence: the order between memory accesses of this CPU as a device
// sees them, for a device whose accesses are coherent with the caches.
//   DmaAcquire  loads before it happen before all loads and stores after it
//   DmaRelease  all loads and stores before it happen before all stores after it
//   DmaFence    all loads and stores before it happen before all after it
#include "machine/dma_barrier.h"

namespace bulkhead {

// What a host device driver needs of the process it runs in. All memory stays valid for as long as
// the driver; there is no giving back, because drivers here live as long as their process.
class DriverPlatform {
 public:
  // One page of zeroed memory that a device can reach.
  struct DmaPage {
    std::byte* bytes = nullptr;
    uint64_t bus_address = 0;  // where the device sees it
  };
  // What a device writes where to raise an interrupt.
  struct Msi {
    uint64_t address = 0;
    uint32_t data = 0;
  };

  // Maps device registers, uncached. `start` and `length` are multiples of the page size.
  virtual Result<volatile std::byte*> MapDevice(HostPhysical start, uint64_t length) = 0;
  virtual Result<DmaPage> AllocateDma() = 0;
  // `device`: the requester id of the device that will send it (PCI: bus << 8 | device << 3 |
  // function).
  virtual Result<Msi> AllocateMsi(uint32_t device) = 0;

  // Access to what MapDevice returned, naturally aligned, `width` 1, 2 or 4 bytes; in order with
  // one another, after everything that this CPU did in memory before a write, and before everything
  // that it does in memory after a read. Tests put a model of the device here.
  virtual uint32_t ReadDevice(const volatile std::byte* address, int width);
  virtual void WriteDevice(volatile std::byte* address, int width, uint32_t value);

 protected:
  ~DriverPlatform() = default;
};

}  // namespace bulkhead

#endif  // BULKHEAD_DRIVERS_PLATFORM_H_
