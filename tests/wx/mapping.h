// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_TESTS_WX_MAPPING_H_
#define BULKHEAD_TESTS_WX_MAPPING_H_

// What page tables map, and what is wrong with it.

#include <cstdint>
#include <string>
#include <vector>

namespace bulkhead {

// Everything can be read by the hypervisor.
struct Rights {
  bool write = false;               // by whom it belongs to
  bool user = false;                // user mode can do something with it
  bool user_execute = false;        // in user mode
  bool hypervisor_execute = false;  // in the hypervisor

  bool execute() const { return user_execute || hypervisor_execute; }
  bool operator==(const Rights&) const = default;
};

// A run of pages that are next to each other, virtually and physically, with the same rights.
// Rights are those of the whole path: what every level allows.
struct Mapping {
  uint64_t address;  // virtual
  uint64_t physical;
  uint64_t length;
  Rights rights;

  bool upper_half() const { return address >> 63 != 0; }
  bool operator==(const Mapping&) const = default;
};

// "0x400000 + 0x1000 -> 0x7000 r-x user"
std::string ToString(const Mapping& mapping);

// One line for every mapping that is writable and executable, or on the wrong side: of user mode in
// the upper half, or of the hypervisor in the lower.
std::vector<std::string> FindBadMappings(const std::vector<Mapping>& mappings);

// One line for every writable mapping of memory that one of `executable` maps.
std::vector<std::string> FindWritableAliases(const std::vector<Mapping>& executable,
                                             const std::vector<Mapping>& mappings);

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_WX_MAPPING_H_
