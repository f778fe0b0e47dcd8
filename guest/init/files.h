// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_GUEST_INIT_FILES_H_
#define BULKHEAD_GUEST_INIT_FILES_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "guest/init/failure.h"

namespace bulkhead {

// Reads a whole file of at most `limit` bytes. False if it cannot be read or is longer.
bool ReadFile(const std::string& path, size_t limit, std::string* out);

// Writes all of `bytes` to a blocking descriptor.
bool WriteAll(int fd, std::string_view bytes);

// Replaces the file DIRECTORY/NAME (relative names) of the tree at `root` by a regular file.
// Symbolic links in the tree, which is the image's, are followed within the tree only; a link at
// NAME itself is replaced. The directory is made if it is missing.
MaybeFailure ReplaceFileInRoot(const std::string& root, const char* directory, const char* name,
                               std::string_view text);

}  // namespace bulkhead

#endif  // BULKHEAD_GUEST_INIT_FILES_H_
