// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/image_reference.h"

#include "cli/failure.h"

namespace bulkhead {

absl::StatusOr<ImageReference> ParseImageReference(const std::string& text) {
  const size_t colon = text.find(':');
  const std::string kind = text.substr(0, colon);
  const std::string rest = colon == std::string::npos ? "" : text.substr(colon + 1);
  ImageReference out = {Transport::kOci, text, rest, ""};
  if (kind == "docker" && colon != std::string::npos) {
    out.transport = Transport::kRegistry;
    if (rest.rfind("//", 0) != 0 || rest.size() == 2) {
      return Failure("'", Printable(text), "' names no image; write docker://REGISTRY/NAME:TAG");
    }
    out.path = rest.substr(2);
    return out;
  }
  if (kind == "example" && colon != std::string::npos) {
    out.transport = Transport::kExample;
    return out;
  }
  if (kind == "oci-archive") {
    out.transport = Transport::kOciArchive;
  } else if (kind == "docker-archive") {
    out.transport = Transport::kDockerArchive;
  } else if (kind != "oci" || colon == std::string::npos) {
    return Failure("'", Printable(text), "' does not say where the image is; write docker://",
                   Printable(text),
                   " for a registry, or oci:DIR, oci-archive:FILE, docker-archive:FILE, "
                   "example:NAME");
  }
  // As in containers-transports(5), a path cannot have a colon: the first one ends it.
  const size_t tag = rest.find(':');
  out.path = rest.substr(0, tag);
  if (tag != std::string::npos) out.tag = rest.substr(tag + 1);
  if (out.path.empty()) {
    return Failure("'", Printable(text), "' names no file; write ", kind, ":PATH[:TAG]");
  }
  return out;
}

}  // namespace bulkhead
