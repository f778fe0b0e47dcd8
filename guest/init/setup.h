// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_GUEST_INIT_SETUP_H_
#define BULKHEAD_GUEST_INIT_SETUP_H_

// What init does before it can start a container, in this order.

#include "guest/init/failure.h"

namespace bulkhead {

inline constexpr char kRootfs[] = "/run/bulkhead/rootfs";
inline constexpr char kBundle[] = "/run/bulkhead/bundle";

// Gives the root directory a parent mount, so that crun may pivot_root(2) away from it.
MaybeFailure LeaveInitialRoot();

// Mounts the kernel's file systems (/proc, /sys, /dev and below, cgroup2) and the tmpfs ones (/run,
// /tmp), and sees that descriptors 0 to 2 are open.
MaybeFailure MountKernelFileSystems();

// Loads the modules that /lib/modules/load-order names (paths, one a line), in that order.
MaybeFailure LoadModules();

// Brings the loopback interface up.
MaybeFailure BringLoopbackUp();

// Mounts the image, /dev/vda, read-only under an overlay in memory: kRootfs.
MaybeFailure MountRootDisk();

// Writes /etc/hostname, /etc/hosts and /etc/resolv.conf of the pod, and the OCI bundle, from the
// files in /bulkhead.
MaybeFailure WritePodFiles();

}  // namespace bulkhead

#endif  // BULKHEAD_GUEST_INIT_SETUP_H_
