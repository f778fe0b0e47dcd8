// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_LAYER_EXTRACTOR_H_
#define BULKHEAD_CLI_LAYER_EXTRACTOR_H_

#include <sys/types.h>

#include <cstdint>
#include <ctime>
#include <map>
#include <string>
#include <unordered_set>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/unique_fd.h"

struct archive;
struct archive_entry;

namespace bulkhead {

// Puts an image's layers on top of each other in one directory (OCI image-spec 1.0, layer.md).
//
// Layers are hostile. No path is ever resolved by the kernel in one go: every directory on the way
// is opened by itself, from the root's descriptor, without following symbolic links. Where a layer
// puts something below what is a link (or a file) so far, a directory takes its place, as it does
// when layers are stacked by overlayfs. A name with ".." is an error.
//
// Owners, device nodes and extended attributes are set with the usual system calls: it takes root,
// or fakeroot (docs/images.md).
class LayerExtractor {
 public:
  // `root`: an empty directory.
  static absl::StatusOr<LayerExtractor> Create(const std::string& root);

  // Applies the layer in the file `path`: tar, plain or compressed by gzip or zstd.
  absl::Status Apply(const std::string& path);
  // Sets the directories' times; after the last layer.
  absl::Status Finish();

 private:
  using Path = std::vector<std::string>;

  explicit LayerExtractor(UniqueFd root) : root_(std::move(root)) {}

  absl::Status ApplyEntry(archive* reader, archive_entry* entry);
  absl::Status Whiteout(const Path& directory, const std::string& name);
  absl::Status RemoveLower(int parent, const std::string& name, const std::string& path);
  absl::Status Make(int parent, const Path& path, archive* reader, archive_entry* entry);
  absl::Status MakeFile(int parent, const char* name, archive* reader, archive_entry* entry);
  absl::Status MakeHardLink(int parent, const Path& path, const std::string& target);
  absl::Status SetMetadata(int parent, const Path& path, archive_entry* entry);

  // The directory of that path: made where it is not there (`make`), or an invalid descriptor.
  absl::StatusOr<UniqueFd> OpenDirectory(const Path& path, size_t count, bool make);

  UniqueFd root_;
  std::unordered_set<std::string> in_layer_;         // what this layer has put there
  std::map<std::string, timespec> directory_times_;  // by path
  uint64_t entries_ = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_LAYER_EXTRACTOR_H_
