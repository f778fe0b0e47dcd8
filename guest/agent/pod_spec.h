// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_GUEST_AGENT_POD_SPEC_H_
#define BULKHEAD_GUEST_AGENT_POD_SPEC_H_

// What a pod's init has to run: /bulkhead/pod of its initramfs, which the command writes and init
// reads. Lines of key=value:
//
//   version=1
//   restart=always|on-failure|never
//   volume=BYTES        an empty volume in memory; 0: as large as the guest's memory allows
//   container=IMAGE     a container, made of the disk with this number, from 0; the lines below
//                       belong to it
//   init=1              it runs to its end before the next starts
//   stdin=1             it has a standard input: at most one
//
// Volumes and containers are numbered as they come, from 0; init containers come first.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "guest/agent/restart_policy.h"

namespace bulkhead {

// Where init has what a container's runtime configuration refers to.
inline constexpr char kPodVolumes[] = "/run/bulkhead/volumes";  // /NUMBER

inline constexpr size_t kMaxPodVolumes = 32;

struct PodSpec {
  struct Container {
    uint32_t image = 0;
    bool init = false;
    bool has_stdin = false;
  };

  RestartPolicy restart = RestartPolicy::kNever;
  std::vector<uint64_t> volumes;  // bytes; 0: no limit of their own
  std::vector<Container> containers;
};

std::string FormatPodSpec(const PodSpec& spec);

// None: `text` breaks the rules above, or has no container, or more of something than there may be.
std::optional<PodSpec> ParsePodSpec(std::string_view text);

}  // namespace bulkhead

#endif  // BULKHEAD_GUEST_AGENT_POD_SPEC_H_
