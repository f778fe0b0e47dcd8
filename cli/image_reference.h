// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_IMAGE_REFERENCE_H_
#define BULKHEAD_CLI_IMAGE_REFERENCE_H_

#include <string>

#include "absl/status/statusor.h"

namespace bulkhead {

enum class Transport { kOci, kOciArchive, kDockerArchive, kRegistry, kExample };

// IMAGE of `bulkhead run`: containers-transports(5), and our example:NAME.
struct ImageReference {
  Transport transport;
  std::string text;  // as it was given
  std::string path;  // of a local transport; the registry's reference; the example's name
  std::string tag;   // of a local transport; may be empty
};

absl::StatusOr<ImageReference> ParseImageReference(const std::string& text);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_IMAGE_REFERENCE_H_
