// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_GUEST_INIT_SETUP_H_
#define BULKHEAD_GUEST_INIT_SETUP_H_

// What init does before it can start containers, in this order.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "guest/agent/pod_spec.h"
#include "guest/init/failure.h"

namespace bulkhead {

// Gives the root directory a parent mount, so that crun may pivot_root(2) away from it.
MaybeFailure LeaveInitialRoot();

// Mounts the kernel's file systems (/proc, /sys, /dev and below, cgroup2) and the tmpfs ones (/run,
// /tmp), and sees that descriptors 0 to 2 are open.
MaybeFailure MountKernelFileSystems();

// Loads the modules that /lib/modules/load-order names (paths, one a line), in that order.
MaybeFailure LoadModules();

// Brings the loopback interface up.
MaybeFailure BringLoopbackUp();

// Reads what the pod is: /bulkhead/pod.
MaybeFailure ReadPodSpec(PodSpec* out);

// Sets the pod's host name, by /bulkhead/hostname.
MaybeFailure SetHostname();

// Mounts the first `count` disks, /dev/vda and so on, which hold images (EROFS), read-only.
MaybeFailure MountImages(size_t count);

// Mounts the pod's empty volumes, each of so many bytes at most: kPodVolumes/0 and so on.
MaybeFailure MountVolumes(const std::vector<uint64_t>& sizes);

// A container's OCI bundle, which is in the initramfs but for its root.
std::string BundleOf(size_t container);

// Makes the container's root: an image under an overlay in memory, with /etc/hostname, /etc/hosts
// and /etc/resolv.conf of the pod.
MaybeFailure MakeRoot(size_t container, uint32_t image);

// Gives that memory back. The container no longer runs.
void RemoveRoot(size_t container);

}  // namespace bulkhead

#endif  // BULKHEAD_GUEST_INIT_SETUP_H_
