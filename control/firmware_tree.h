// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CONTROL_FIRMWARE_TREE_H_
#define BULKHEAD_CONTROL_FIRMWARE_TREE_H_

// The firmware's devicetree (Devicetree Specification 0.4), as far as a node's supervisor needs it
// where there are no ACPI tables: the PCI host bridge, and random bytes.
//
// Like ACPI tables it may be wrong: nothing in it is taken without looking.

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/format.h"
#include "drivers/pci/pci_host.h"

namespace bulkhead {

// What Linux allows (Documentation/arch/arm64/booting.rst).
inline constexpr uint64_t kMaxDevicetreeLength = 2 << 20;  // bytes

enum class FirmwareTreeErrorKind : uint8_t {
  kNone,
  kUnreadable,    // memory there cannot be read
  kBadFormat,     // not a flattened devicetree, cut off, or not 8-byte aligned
  kNoPciHost,     // no node of a host bridge with ECAM that is in use
  kBadProperty,   // a property is missing, malformed, or says what makes no sense
  kNotCoherent,   // devices do not see the caches: not supported
  kNoMessages,    // devices' messages do not go to a GICv3 ITS: not supported
  kNoTranslation  // the bridge's bus has addresses of its own: not supported
};

struct FirmwareTreeError {
  FirmwareTreeErrorKind kind = FirmwareTreeErrorKind::kNone;
  const char* property = "";  // for kBadProperty

  bool ok() const { return kind == FirmwareTreeErrorKind::kNone; }
};

// Writes one line without a line end: "devicetree: PCI host bridge: bad property 'ranges'".
TextWriter& operator<<(TextWriter& out, const FirmwareTreeError& error);

// Owns nothing: the bytes must outlive it.
class FirmwareTree {
 public:
  FirmwareTree() = default;

  // Looks at the header. Nothing else may be asked unless this succeeds.
  static FirmwareTreeError Open(std::span<const std::byte> bytes, FirmwareTree& out);

  // The first host bridge that is in use of those with plain ECAM ("pci-host-ecam-generic"). Of its
  // windows those for memory are taken, I/O ports are not. Its messages go to one GICv3 ITS.
  FirmwareTreeError ReadPciHost(PciHost& out) const;

  // The processors' MPIDR affinities, of the nodes in /cpus that are in use and started by PSCI
  // (Arm's bindings, cpus.yaml); no more than `ids` has room for.
  uint32_t ReadProcessors(std::span<uint64_t> ids) const;

  // What the firmware gave for seeding random numbers: rng-seed, else kaslr-seed, of /chosen; empty
  // if there is none.
  std::span<const std::byte> Seed() const;

 private:
  explicit FirmwareTree(const void* tree) : tree_(tree) {}
  FirmwareTreeError ReadPlace(int node, PciHost& out) const;
  FirmwareTreeError ReadWindows(int node, PciHost& out) const;
  FirmwareTreeError ReadMessages(int node, PciHost& out) const;
  FirmwareTreeError CheckAncestors(int node) const;
  bool IsIts(uint64_t phandle) const;

  const void* tree_ = nullptr;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROL_FIRMWARE_TREE_H_
