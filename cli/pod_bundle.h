// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_POD_BUNDLE_H_
#define BULKHEAD_CLI_POD_BUNDLE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "cli/architecture.h"
#include "cli/image_store.h"
#include "cli/installed_files.h"
#include "cli/kernel_image.h"
#include "cli/options.h"

namespace bulkhead {

// The guest kernel that tools/setup has put into the cache, or the one of --kernel.
struct GuestKernel {
  KernelImage image;
  std::string modules;  // what /lib/modules/VERSION holds; empty: everything is built in
};
absl::StatusOr<GuestKernel> FindGuestKernel(const RunOptions& options,
                                            const std::string& cache_root);

// The command line of the guest's kernel.
std::string GuestCommandLine(const RunOptions& options);

// The smallest memory, in bytes, in which a pod with this kernel and initramfs starts.
uint64_t LeastPodMemory(Architecture arch, const KernelImage& kernel, uint64_t initramfs_size);

struct PodBundle {
  uint64_t size = 0;    // bytes
  std::string command;  // what the container executes, without arguments
};
// Writes the bundle for a node with this one pod to `path`.
absl::StatusOr<PodBundle> WritePodBundle(const RunOptions& options, const StoredImage& image,
                                         const GuestKernel& kernel, const InstalledFiles& files,
                                         const std::string& cache_root, const std::string& path);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_POD_BUNDLE_H_
