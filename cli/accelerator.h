// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_ACCELERATOR_H_
#define BULKHEAD_CLI_ACCELERATOR_H_

#include <string>

namespace bulkhead {

// What tells whether this machine can run a hypervisor under KVM.
struct HostFacts {
  std::string cpuinfo;     // /proc/cpuinfo
  std::string nested_amd;  // /sys/module/kvm_amd/parameters/nested; empty: no such module
  std::string nested_intel;
  bool kvm_usable = false;  // /dev/kvm can be opened for writing
};

HostFacts ReadHostFacts();

enum class Accelerator { kTcg, kKvm };

// KVM only if the CPU has virtualisation, the module lets guests have it, too, and we may use it.
// A /dev/kvm alone says nothing.
Accelerator ChooseAccelerator(const HostFacts& facts);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_ACCELERATOR_H_
