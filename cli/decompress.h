// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_DECOMPRESS_H_
#define BULKHEAD_CLI_DECOMPRESS_H_

#include <cstddef>
#include <span>
#include <string>

#include "absl/status/statusor.h"

namespace bulkhead {

// Unpacks one stream that gzip, bzip2, xz, lzma, zstd or lz4 made. InvalidArgument when it is none
// of these or gives more than `limit` bytes, DataLoss when it is damaged; the message is a phrase
// without a subject.
absl::StatusOr<std::string> Decompress(std::span<const std::byte> stream, size_t limit);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_DECOMPRESS_H_
