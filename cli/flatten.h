// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_FLATTEN_H_
#define BULKHEAD_CLI_FLATTEN_H_

// From an image's layers to one read-only EROFS file, without root (docs/images.md).

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "cli/oci_layout.h"
#include "cli/subprocess.h"

namespace bulkhead {

// The hidden subcommand that runs under fakeroot, with FlattenMain's arguments after it.
inline constexpr char kFlattenCommand[] = "internal-flatten";

// What FlattenImage leaves in its directory.
inline constexpr char kRootfsFile[] = "rootfs.erofs";
inline constexpr char kPasswdFile[] = "passwd";  // the image's /etc/passwd; may be absent
inline constexpr char kGroupFile[] = "group";    // likewise

// Puts the image's layers, already verified, into `directory` as the files above. `program` is
// this command's own file. The same image gives the same bytes.
absl::Status FlattenImage(const OciImage& image, const std::string& text,
                          const std::string& directory, const std::string& program,
                          const RunContext& context);

// ID DIRECTORY LAYER...: extracts into DIRECTORY/tree, then makes the files in DIRECTORY. Returns
// the exit status; what went wrong is one line on stderr.
int FlattenMain(const std::vector<std::string>& arguments);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_FLATTEN_H_
