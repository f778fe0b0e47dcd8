// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_BOCHS_H_
#define BULKHEAD_CLI_BOCHS_H_

// How Bochs is started without a screen, for a node that boots from a CD: its configuration, and
// the files it needs. Bochs 2.7 as Debian has it, with its debugger.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace bulkhead {

// A processor with VT-x, EPT, unrestricted guests and x2APIC. `bochs --help cpu` names the others.
inline constexpr char kDefaultBochsCpu[] = "corei7_skylake_x";
inline constexpr uint64_t kMaxBochsMemory = uint64_t{2} << 30;  // bytes

struct BochsOptions {
  std::string program = "bochs";
  std::string directory;  // of its files; has the CD as kBochsCd
  uint64_t memory = 0;    // bytes, whole MiB, at most kMaxBochsMemory
  std::string cpu = kDefaultBochsCpu;
  // Where the first UART's output goes: a descriptor of the child that can be opened anew, like a
  // pipe's.
  int serial_descriptor = 0;
  // TCP port of this machine that the second UART connects to, before the processor starts; 0: no
  // second UART. Bochs loses no byte in either direction, and changes none: it waits for us while
  // we do not read, and takes none while its guest does not. (Its terminals do both.)
  uint16_t channel_port = 0;
  // Write on stderr what software does wrong. Bochs counts exits of guests to that.
  bool log_errors = false;
};
inline constexpr char kBochsCd[] = "node.iso";

// Whether Bochs and what it needs are installed, else what to do about it.
absl::Status CheckBochsInstalled(const std::string& program);

// Writes the configuration into the directory. Returns the words to start Bochs with, in that
// directory and with kBochsEnvironment. It ends when the machine powers off, with status 1, and
// when it resets, with status 0; neither says anything about the node.
absl::StatusOr<std::vector<std::string>> PrepareBochs(const BochsOptions& options);
inline constexpr char kBochsEnvironment[] = "TERM=vt100";

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_BOCHS_H_
