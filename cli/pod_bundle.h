// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_POD_BUNDLE_H_
#define BULKHEAD_CLI_POD_BUNDLE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/architecture.h"
#include "cli/image_store.h"
#include "cli/installed_files.h"
#include "cli/kernel_image.h"
#include "cli/options.h"
#include "cli/pod_request.h"

namespace bulkhead {

// The guest kernel that tools/setup has put into the cache, or the one of --kernel.
struct GuestKernel {
  KernelImage image;
  std::string modules;  // what /lib/modules/VERSION holds; empty: everything is built in
};
absl::StatusOr<GuestKernel> FindGuestKernel(const NodeOptions& options,
                                            const std::string& cache_root);

// The command line of the guest's kernel.
std::string GuestCommandLine(const NodeOptions& options);

// The smallest memory, in bytes, in which a pod with this kernel and initramfs starts.
uint64_t LeastPodMemory(Architecture arch, const KernelImage& kernel, uint64_t initramfs_size);

// A pod, and the images that its containers are made of.
struct BundlePod {
  PodRequest request;
  std::vector<StoredImage> images;
};

struct NodeBundle {
  uint64_t size = 0;  // bytes
  // What each pod's containers execute, without arguments.
  std::vector<std::vector<std::string>> commands;
};
// Writes the bundle for a node with these pods to `path`. Kernel and images are in it once each.
absl::StatusOr<NodeBundle> WriteNodeBundle(const NodeOptions& options,
                                           const std::vector<BundlePod>& pods,
                                           const GuestKernel& kernel, const InstalledFiles& files,
                                           const std::string& cache_root, const std::string& path);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_POD_BUNDLE_H_
