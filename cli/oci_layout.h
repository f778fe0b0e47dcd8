// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_OCI_LAYOUT_H_
#define BULKHEAD_CLI_OCI_LAYOUT_H_

// Images in an OCI image layout directory (OCI image-spec 1.0: image-layout.md, image-index.md,
// manifest.md). Everything in it is somebody else's: digests are checked before bytes are used.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace bulkhead {

struct OciDescriptor {
  std::string media_type;
  std::string digest;  // "sha256:" and 64 lower-case hexadecimal digits
  uint64_t size = 0;   // bytes
};

struct OciImage {
  std::string directory;
  OciDescriptor config;
  std::vector<OciDescriptor> layers;  // lowest first
  std::string config_json;            // checked against its digest

  // What the flattened image depends on, 64 hexadecimal digits.
  std::string Id() const;
  std::string BlobPath(const OciDescriptor& blob) const;
};

// Whether `digest` has the form above; then its digits are a file name that leads nowhere else.
bool IsSha256Digest(const std::string& digest);

// The image of that tag (empty: the only one there) for linux on `arch` (Go's name, "amd64").
// `text` is how messages call it.
absl::StatusOr<OciImage> OpenOciImage(const std::string& directory, const std::string& tag,
                                      const std::string& arch, const std::string& text);

// Checks length and digest of every layer.
absl::Status VerifyLayers(const OciImage& image, const std::string& text);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_OCI_LAYOUT_H_
