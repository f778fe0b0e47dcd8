// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_TESTS_HARNESS_QEMU_H_
#define BULKHEAD_TESTS_HARNESS_QEMU_H_

// Runs QEMU from a test:
//
//   QemuMachine machine({.kernel = "hypervisor.elf", .initrd = bundle_path});
//   ASSERT_TRUE(machine.RunToEnd(std::chrono::seconds(20)));
//   EXPECT_TRUE(SerialContains(machine, "all pods have ended"));

#include <gtest/gtest.h>
#include <sys/types.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "tests/harness/architecture.h"
#include "tests/harness/files.h"

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
  std::string cpu = {};
  std::vector<std::string> extra = {};  // more arguments, at the end
};

// Where firmware looks for a program on a system partition (UEFI 2.10, 3.5.1.1).
std::string EfiBootFile(Architecture architecture);

// One QEMU process. Killed, by its process id, when this object or the test program ends.
class QemuMachine {
 public:
  using Duration = std::chrono::milliseconds;

  // Starts it. A QEMU that cannot be started shows as one that ended with status 127.
  explicit QemuMachine(const QemuOptions& options);
  ~QemuMachine();
  QemuMachine(const QemuMachine&) = delete;
  QemuMachine& operator=(const QemuMachine&) = delete;

  // Waits until QEMU ends by itself. False, and QEMU is killed, if it still runs at the deadline;
  // `deadline` counts from now.
  [[nodiscard]] testing::AssertionResult RunToEnd(Duration deadline);

  // Waits until the UART has said `text`, from its first byte on. False if the deadline passes or
  // QEMU ends without it; QEMU is not killed.
  [[nodiscard]] testing::AssertionResult RunUntilSerial(std::string_view text, Duration deadline);

  // Takes what the UART and QEMU have said, without waiting.
  void Poll() { Pump(std::chrono::steady_clock::now()); }

  void Kill();

  // What the UART said so far, without carriage returns and terminal control sequences.
  std::string serial() const;
  const std::string& serial_raw() const { return serial_; }
  // What QEMU itself said on stderr.
  const std::string& errors() const { return errors_; }

  bool running() const { return pid_ > 0; }
  // 128 + N if signal N ended it; -1 while it runs.
  int exit_status() const { return exit_status_; }
  pid_t pid() const { return pid_; }

  // For sockets and files of this machine.
  const TempDirectory& directory() const { return directory_; }

 private:
  void Start(const std::vector<std::string>& arguments);
  // Reads what there is; waits for more until `until`. False when both pipes are closed.
  bool Pump(std::chrono::steady_clock::time_point until);
  void Reap();
  testing::AssertionResult Failure(std::string_view what) const;

  TempDirectory directory_;
  std::string serial_;
  std::string errors_;
  int serial_pipe_ = -1;
  int errors_pipe_ = -1;
  pid_t pid_ = -1;
  int exit_status_ = -1;
};

// With the whole of the UART in the message if it does not hold.
testing::AssertionResult SerialContains(const QemuMachine& machine, std::string_view text);

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_HARNESS_QEMU_H_
