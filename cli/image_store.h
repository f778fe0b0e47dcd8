// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_IMAGE_STORE_H_
#define BULKHEAD_CLI_IMAGE_STORE_H_

#include <string>

#include "absl/status/statusor.h"
#include "cli/architecture.h"
#include "cli/image_reference.h"
#include "cli/oci_layout.h"
#include "cli/options.h"
#include "cli/subprocess.h"

namespace bulkhead {

// A flattened image, in the cache.
struct StoredImage {
  std::string id;
  std::string rootfs;       // path of the EROFS file
  std::string config_json;  // the OCI image configuration
  std::string passwd;       // the image's /etc/passwd; empty: it has none
  std::string group;
};

// The cache of flattened images, by content:
//   images/ID/{rootfs.erofs, config.json, passwd, group}
//   references/KEY: the Id that an archive or a registry's name led to
// Directories appear in one step, so that a reader finds all of an image or nothing.
class ImageStore {
 public:
  // `program`: this command's own file, for the part that runs under fakeroot.
  ImageStore(std::string cache_root, std::string program)
      : root_(std::move(cache_root)), program_(std::move(program)) {}

  // Gets the image from where it is, unless the cache has it.
  absl::StatusOr<StoredImage> Get(const ImageReference& reference, Architecture arch,
                                  PullPolicy pull, const RunContext& context);

 private:
  absl::StatusOr<StoredImage> Load(const std::string& id) const;
  absl::StatusOr<StoredImage> Add(const OciImage& image, const std::string& text,
                                  const RunContext& context);
  std::string ImageDirectory(const std::string& id) const { return root_ + "/images/" + id; }

  const std::string root_;
  const std::string program_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_IMAGE_STORE_H_
