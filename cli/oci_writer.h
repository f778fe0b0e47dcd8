// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_OCI_WRITER_H_
#define BULKHEAD_CLI_OCI_WRITER_H_

// Makes images: the example images, and those of the tests.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

struct archive;

namespace bulkhead {

// Media types of indexes.
inline constexpr char kOciIndexType[] = "application/vnd.oci.image.index.v1+json";
inline constexpr char kDockerIndexType[] =
    "application/vnd.docker.distribution.manifest.list.v2+json";

enum class LayerCompression { kNone, kGzip, kZstd };

struct LayerEntry {
  enum class Kind { kFile, kDirectory, kSymlink, kHardLink, kCharacterDevice, kBlockDevice, kFifo };
  Kind kind = Kind::kFile;
  std::string path;
  std::string data;  // a file's bytes; where a link leads
  uint32_t mode = 0644;
  int64_t uid = 0;
  int64_t gid = 0;
  int64_t mtime = 0;  // seconds since 1970
  uint32_t major = 0;
  uint32_t minor = 0;
  std::vector<std::pair<std::string, std::string>> xattrs;
};

// A layer in the pax format of tar.
std::string MakeLayer(const std::vector<LayerEntry>& entries,
                      LayerCompression compression = LayerCompression::kNone);

// Adds images to an OCI layout directory.
class OciLayoutWriter {
 public:
  explicit OciLayoutWriter(std::string directory) : directory_(std::move(directory)) {}

  struct Image {
    std::string tag;
    std::string arch = "amd64";
    std::string config_json;  // of the member "config": Env, Cmd, ...; empty: {}
    std::vector<std::string> layers;
    // Of the layers before compression, as MakeLayer(entries) gives them; empty: none is
    // compressed.
    std::vector<std::string> uncompressed;
    bool platform_in_index = false;
  };
  absl::Status Add(const Image& image);
  // Writes index.json and oci-layout; once, at the end.
  absl::Status Finish();
  // The same with what was added as one image of several architectures: an index of its own, which
  // is all that index.json names, by `tag`.
  absl::Status FinishAsOne(const std::string& tag, const std::string& index_type = kOciIndexType);

 private:
  std::string AddBlob(const std::string& bytes, absl::Status* status);
  // What has been added, as the text of an index.
  std::string IndexText(const std::string& type) const;
  absl::Status WriteIndex(const std::string& text);

  const std::string directory_;
  std::vector<std::string> index_entries_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_OCI_WRITER_H_
