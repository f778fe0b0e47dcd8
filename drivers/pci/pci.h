// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_DRIVERS_PCI_PCI_H_
#define BULKHEAD_DRIVERS_PCI_PCI_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/status.h"
#include "drivers/pci/pci_host.h"
#include "drivers/platform.h"

namespace bulkhead {

// Configuration space registers (PCI Local Bus 3.0, 6.1 and 6.7; PCI Express Base 5.0, 7.5).
inline constexpr uint32_t kPciVendorId = 0x00;
inline constexpr uint32_t kPciDeviceId = 0x02;
inline constexpr uint32_t kPciCommand = 0x04;
inline constexpr uint32_t kPciStatus = 0x06;
inline constexpr uint32_t kPciHeaderType = 0x0e;
inline constexpr uint32_t kPciBar0 = 0x10;
inline constexpr uint32_t kPciCapabilities = 0x34;
inline constexpr uint16_t kPciCommandMemory = 1 << 1;
inline constexpr uint16_t kPciCommandBusMaster = 1 << 2;
inline constexpr uint16_t kPciCommandNoIntx = 1 << 10;
inline constexpr uint16_t kPciStatusCapabilities = 1 << 4;
inline constexpr uint8_t kPciCapabilityVendor = 0x09;
inline constexpr uint8_t kPciCapabilityMsix = 0x11;
inline constexpr uint64_t kPciFunctionBytes = 4096;
inline constexpr uint32_t kPciBars = 6;
// Each capability takes at least four of the 192 bytes there are for them.
inline constexpr int kPciMaxCapabilities = 48;

// Device registers mapped into this process. Accesses outside them, or not naturally aligned, read
// as all ones and write nothing, like those of a bus.
class PciRegisters {
 public:
  PciRegisters() = default;
  PciRegisters(DriverPlatform* platform, volatile std::byte* bytes, uint64_t size)
      : platform_(platform), bytes_(bytes), size_(size) {}

  uint64_t size() const { return size_; }  // bytes
  uint8_t Read8(uint64_t offset) const { return static_cast<uint8_t>(Read(offset, 1)); }
  uint16_t Read16(uint64_t offset) const { return static_cast<uint16_t>(Read(offset, 2)); }
  uint32_t Read32(uint64_t offset) const { return Read(offset, 4); }
  void Write8(uint64_t offset, uint8_t value) const { Write(offset, 1, value); }
  void Write16(uint64_t offset, uint16_t value) const { Write(offset, 2, value); }
  void Write32(uint64_t offset, uint32_t value) const { Write(offset, 4, value); }
  // As two 32-bit accesses, low half first.
  void Write64(uint64_t offset, uint64_t value) const;

  // The part [offset, offset + length); kCorrupt if it is not all inside.
  Result<PciRegisters> Part(uint64_t offset, uint64_t length) const;

 private:
  bool Reachable(uint64_t offset, int width) const;
  uint32_t Read(uint64_t offset, int width) const;
  void Write(uint64_t offset, int width, uint32_t value) const;

  DriverPlatform* platform_ = nullptr;
  volatile std::byte* bytes_ = nullptr;
  uint64_t size_ = 0;
};

// A base address register that decodes memory.
struct PciBar {
  uint64_t address = 0;  // on the bus; 0: none was given
  uint64_t size = 0;     // bytes, a power of two; 0: there is no such BAR
  bool wide = false;     // 64 bits, the next register included
  bool prefetchable = false;
};

// One function of a PCI device. Its host bridge must outlive it.
class PciFunction {
 public:
  // The largest BAR that will be mapped.
  static constexpr uint64_t kMaxBarBytes = uint64_t{1} << 20;

  PciFunction() = default;
  // `requester`: bus << 8 | device << 3 | function.
  PciFunction(DriverPlatform* platform, const PciHost* host, PciRegisters config,
              uint32_t requester)
      : platform_(platform), host_(host), config_(config), requester_(requester) {}

  // The first function with this vendor and one of these devices; kNotFound if there is none.
  static Result<PciFunction> Find(DriverPlatform& platform, const PciHost& host, uint16_t vendor,
                                  std::span<const uint16_t> devices);

  const PciRegisters& config() const { return config_; }
  // What it calls itself when it writes to memory.
  uint32_t requester() const { return requester_; }
  // What the interrupt controller calls it; see PciHost.
  Result<uint32_t> MsiDevice() const { return host_->MsiDevice(requester_); }
  // Whether it is a device, not a bridge: only then the BARs are where they are looked for here.
  bool is_device() const { return (config_.Read8(kPciHeaderType) & 0x7f) == 0; }
  // Whether it answers memory accesses.
  bool decodes_memory() const { return (config_.Read16(kPciCommand) & kPciCommandMemory) != 0; }
  // Offset of the first capability after `previous` (0: from the start) with this id; 0 at the
  // end. A list that loops is followed for at most kPciMaxCapabilities steps, so a caller that
  // goes through all of them has to count too.
  uint8_t FindCapability(uint8_t id, uint8_t previous) const;
  // A memory BAR, sized while the function does not answer memory accesses; its size is 0 if there
  // is none at `index`. The register after a wide one is its other half: do not ask for that.
  PciBar ReadBar(uint32_t index) const;
  // Gives a memory BAR a bus address.
  void WriteBar(uint32_t index, bool wide, uint64_t address) const;
  // Maps a memory BAR whole. kCorrupt if it is not one, kNotSupported if it has no address or is
  // too large, kNotFound if the host bridge passes nothing on to that address.
  Result<PciRegisters> MapBar(uint32_t index);
  // Lets the device answer memory accesses; its INTx line stays silent.
  void EnableMemory();
  // Lets the device read and write memory and send messages. Reset it first: firmware may have
  // left it with work to do.
  void EnableBusMaster();
  // Programs vector 0 of MSI-X and turns MSI-X on.
  Status EnableMsix(const DriverPlatform::Msi& message);

 private:
  DriverPlatform* platform_ = nullptr;
  const PciHost* host_ = nullptr;
  PciRegisters config_;
  uint32_t requester_ = 0;
  PciRegisters bars_[kPciBars];  // mapped so far
};

// The configuration space of one bus, mapped. Its host bridge must outlive it.
class PciBus {
 public:
  static constexpr uint32_t kFunctions = 256;

  PciBus() = default;
  static Result<PciBus> Map(DriverPlatform& platform, const PciHost& host, uint8_t number);

  // The first function there is from `number` (device << 3 | function) on, which becomes its
  // number; nothing if there are no more.
  std::optional<PciFunction> NextFunction(uint32_t& number) const;

 private:
  PciBus(DriverPlatform* platform, const PciHost* host, PciRegisters config, uint8_t number)
      : platform_(platform), host_(host), config_(config), number_(number) {}
  PciRegisters Config(uint32_t number) const;

  DriverPlatform* platform_ = nullptr;
  const PciHost* host_ = nullptr;
  PciRegisters config_;
  uint8_t number_ = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_DRIVERS_PCI_PCI_H_
