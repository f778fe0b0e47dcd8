// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_POD_REQUEST_H_
#define BULKHEAD_CLI_POD_REQUEST_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "guest/agent/restart_policy.h"

namespace bulkhead {

enum class PullPolicy { kMissing, kAlways, kNever };

// What a container is to be, beyond what its image says: from the options of `run`, or from a
// manifest.
struct ContainerRequest {
  std::string name;   // within its pod
  std::string image;  // as ParseImageReference reads it
  PullPolicy pull = PullPolicy::kMissing;
  // Instead of the image's Entrypoint, which drops its Cmd, too. Empty words: none.
  std::optional<std::vector<std::string>> entrypoint;
  // Instead of the image's Cmd.
  std::optional<std::vector<std::string>> command;
  std::vector<std::string> env;  // NAME=VALUE, or NAME: taken from our own environment
  std::string workdir;           // empty: the image's
  std::string user;              // USER[:GROUP], names or numbers; empty: the image's
  bool read_only_root = false;
  bool no_new_privileges = false;  // set-uid programs do not change the user
  // By the kernel's names, "CAP_NET_RAW". All: every one that the kernel has.
  std::vector<std::string> add_capabilities;
  std::vector<std::string> drop_capabilities;  // first, before some are added
  bool add_all_capabilities = false;
  bool drop_all_capabilities = false;

  bool init = false;          // it runs to its end before the next starts
  bool has_stdin = false;     // else its standard input is empty
  uint64_t memory_limit = 0;  // bytes; 0: none of its own
  // Thousandths of a CPU; 0: none.
  uint32_t cpu_limit = 0;
  uint32_t cpu_request = 0;

  struct Mount {
    size_t volume = 0;  // of the pod's
    std::string path;   // absolute
    bool read_only = false;
  };
  std::vector<Mount> mounts;
};

struct PodRequest {
  std::string name;
  std::string hostname;  // empty: the name
  uint64_t memory = 0;   // of the virtual machine, in bytes; a multiple of 4096
  // What sets it, for messages, and what it has beyond what that says.
  std::string memory_setting = "--memory";
  uint64_t memory_added = 0;
  uint32_t cpu_limit = 0;    // thousandths of a CPU; 0: none
  uint32_t cpu_request = 0;  // likewise
  RestartPolicy restart = RestartPolicy::kNever;
  uint32_t grace_seconds = 10;    // between being asked to stop and being stopped
  uint32_t deadline_seconds = 0;  // how long it may run; 0: any time
  std::vector<uint64_t> volumes;  // empty ones in memory; bytes, 0: no limit
  // At least one; init containers first.
  std::vector<ContainerRequest> containers;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_POD_REQUEST_H_
