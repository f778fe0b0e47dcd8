// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_IMAGE_FETCH_H_
#define BULKHEAD_CLI_IMAGE_FETCH_H_

#include <string>

#include "absl/status/status.h"
#include "cli/image_reference.h"
#include "cli/subprocess.h"

namespace bulkhead {

// The tag of the image in the layout that FetchImage makes.
inline constexpr char kFetchedTag[] = "image";

// Copies an image from an archive or a registry into the OCI layout `directory`/layout, with
// skopeo. `directory` is the caller's own; skopeo's temporary files go there, too.
absl::Status FetchImage(const ImageReference& reference, const std::string& arch,
                        const std::string& directory, const RunContext& context);

// Our line for what skopeo wrote on stderr when it failed.
absl::Status SkopeoFailure(const std::string& errors, const ImageReference& reference,
                           const std::string& arch);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_IMAGE_FETCH_H_
