// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_TESTS_HARNESS_QEMU_H_
#define BULKHEAD_TESTS_HARNESS_QEMU_H_

// Runs QEMU from a test:
//
//   QemuMachine machine({.kernel = "hypervisor.elf", .initrd = bundle_path});
//   ASSERT_TRUE(machine.RunToEnd(std::chrono::seconds(20)));
//   EXPECT_TRUE(SerialContains(machine, "all pods have ended"));

#include <string>
#include <vector>

#include "tests/harness/architecture.h"
#include "tests/harness/machine_process.h"

namespace bulkhead {

// The machine: q35 or virt with EL2 and GICv3, TCG, its first UART on the harness, no display, no
// network, no reboot, and nothing that is not asked for. One of `kernel`, `esp` and `cd` says how
// it boots.
struct QemuOptions {
  Architecture architecture = Architecture::kX86_64;
  std::string kernel = {};  // direct boot of this file: by PVH, or as an arm64 Image
  std::string initrd = {};  // the bundle
  std::string append = {};  // command line
  std::string esp = {};     // UEFI boot; this directory is the system partition
  std::string cd = {};      // x86_64: BIOS boot from this ISO image
  int memory_mib = 512;
  // Empty: what suits the architecture.
  std::string program = {};
  std::string machine = {};
  std::string accelerator = "tcg";
  std::string cpu = {};
  std::vector<std::string> extra = {};  // more arguments, at the end
};

// Where firmware looks for a program on a system partition (UEFI 2.10, 3.5.1.1).
std::string EfiBootFile(Architecture architecture);

class QemuMachine : public MachineProcess {
 public:
  explicit QemuMachine(const QemuOptions& options);
};

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_HARNESS_QEMU_H_
