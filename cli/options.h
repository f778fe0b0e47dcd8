// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_OPTIONS_H_
#define BULKHEAD_CLI_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/architecture.h"
#include "cli/client/client_options.h"
#include "cli/pod_request.h"

namespace bulkhead {

inline constexpr char kVersion[] = "0.1";

enum class MachineKind { kQemu, kBochs };
enum class FirmwareKind { kDirect, kUefi };

// What the options of a node are, whatever runs on it.
struct NodeOptions {
  Architecture arch = Architecture::kX86_64;
  std::string kernel;  // of the guests: a file; empty: the default
  MachineKind machine = MachineKind::kQemu;
  FirmwareKind firmware = FirmwareKind::kDirect;
  uint32_t cpus = 1;  // of the node's machine
  bool verbose = false;
  bool quiet = false;
  bool trace = false;
  bool gdb = false;
  std::string emulator;            // for tests; empty: the system's
  std::string bochs_cpu;           // for tests; empty: the usual one
  bool com2 = false;               // for tests: QEMU's node channel is the second UART, as Bochs'
  std::string firmware_directory;  // for tests; empty: the system's
};

// `bulkhead run`. Spelling and meaning are podman's where podman has the option.
struct RunOptions : NodeOptions {
  std::string image;
  std::vector<std::string> command;  // replaces the image's Cmd; empty: the image's own

  uint64_t memory = uint64_t{512} << 20;  // bytes; a multiple of 4096
  uint32_t cpu_limit = 0;                 // of a CPU's time, in thousandths; 0: none
  std::vector<std::string> env;           // NAME=VALUE, or NAME: taken from our own environment
  std::string workdir;                    // empty: the image's
  std::string user;                       // USER[:GROUP], names or numbers; empty: the image's
  std::optional<std::string> entrypoint;  // "": none; a JSON array: as it is; else one word
  std::string name = "pod";
  std::string hostname;  // empty: the name
  uint32_t timeout = 0;  // seconds; 0: none
  PullPolicy pull = PullPolicy::kMissing;
};

// `bulkhead up`.
struct UpOptions : NodeOptions {
  std::vector<std::string> files;  // "-": standard input
  uint64_t memory = 0;             // of the node, in bytes; 0: what the pods need
  std::string name;                // of the node, to talk to it; empty: nobody does
  bool detach = false;
};

struct CommandLine {
  std::string text;  // to be printed on stdout instead of doing anything: help, version
  // At most one of them.
  std::optional<RunOptions> run;
  std::optional<UpOptions> up;
  std::optional<ClientOptions> client;
};

// `arguments` without the program's name.
absl::StatusOr<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments);

// "512m", "1g", "1048576", "64mb": bytes, as podman's --memory reads it. InvalidArgument if it is
// none of these.
absl::StatusOr<uint64_t> ParseMemorySize(const std::string& text);

// "0.5", "1", "0": thousandths of a CPU, as podman's --cpus reads it; what is finer is rounded up.
// 0: no limit. Fails if it is no such number, or above 1.
absl::StatusOr<uint32_t> ParseCpus(const std::string& text);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_OPTIONS_H_
