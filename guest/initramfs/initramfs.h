// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_GUEST_INITRAMFS_INITRAMFS_H_
#define BULKHEAD_GUEST_INITRAMFS_INITRAMFS_H_

// The part of a guest's initramfs that is the same for every pod: init, the container runtime with
// its libraries, and the kernel modules the guest needs. What is the pod's own (/bulkhead/...) is a
// second archive appended to it: the kernel unpacks one after the other.

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "guest/agent/pod_spec.h"
#include "guest/initramfs/cpio_writer.h"

namespace bulkhead {

struct InitramfsOptions {
  std::string init;         // path of //guest/init, a static program
  std::string modules_dir;  // what /lib/modules/VERSION of the guest kernel's package holds
  // Root of the file tree that crun and its libraries are taken from; empty: this machine's own.
  std::string programs;
  // By name, in the order to load them; each is preceded by what it depends on. The console comes
  // first, so that a failure after it can be reported.
  std::vector<std::string> modules = {"virtio_mmio", "virtio_console", "virtio_blk",
                                      "virtio-rng",  "erofs",          "overlay"};
};

// A cpio newc archive, uncompressed, about 8 MB. It is put together from files in a few
// milliseconds, less than it takes to find out whether a copy of it is up to date: so it is not
// cached. It is for the architecture of `programs`. NotFound names the file or module that is
// missing.
absl::StatusOr<std::string> BuildBaseInitramfs(const InitramfsOptions& options);

// What the container configuration adds; append it to the base.
struct PodFiles {
  PodSpec spec;
  // OCI runtime configurations of its containers, in their order; root.path is "rootfs".
  std::vector<std::string> configs;
  std::string hostname;     // also for /etc/hostname and /etc/hosts
  std::string resolv_conf;  // /etc/resolv.conf; empty: the image's own stays
};
std::string BuildPodInitramfs(const PodFiles& files);

}  // namespace bulkhead

#endif  // BULKHEAD_GUEST_INITRAMFS_INITRAMFS_H_
