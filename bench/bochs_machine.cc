// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Makes a CD and a machine in Bochs that boots it, and prints the words to start that with, one a
// line (tools/bench).

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "boot/multiboot2/grub_iso.h"
#include "cli/bochs.h"

namespace bulkhead {
namespace {

constexpr char kUsage[] =
    "usage: bochs_machine DIRECTORY MEMORY_MIB SERIAL_FD CHANNEL_PORT KERNEL [BUNDLE]\n";

int Main(int argc, char** argv) {
  if (argc != 6 && argc != 7) {
    std::cerr << kUsage;
    return 2;
  }
  const std::string directory = argv[1];
  const bool node = argc == 7;
  absl::Status status = CheckBochsInstalled("bochs");
  if (status.ok()) {
    status = MakeGrubIso({.hypervisor = argv[5],
                          .bundle = node ? argv[6] : "",
                          .command_line = node ? "channel=com2" : ""},
                         directory + "/" + kBochsCd, {});
  }
  if (!status.ok()) {
    std::cerr << status.message() << "\n";
    return 1;
  }
  const absl::StatusOr<std::vector<std::string>> words =
      PrepareBochs({.directory = directory,
                    .memory = strtoull(argv[2], nullptr, 10) << 20,
                    .serial_descriptor = atoi(argv[3]),
                    .channel_port = static_cast<uint16_t>(atoi(argv[4]))});
  if (!words.ok()) {
    std::cerr << words.status().message() << "\n";
    return 1;
  }
  std::cout << "env\n" << kBochsEnvironment << "\n";
  for (const std::string& word : *words) std::cout << word << "\n";
  return 0;
}

}  // namespace
}  // namespace bulkhead

int main(int argc, char** argv) { return bulkhead::Main(argc, argv); }
