// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/decompress.h"

#include <archive.h>
#include <archive_entry.h>

#include <memory>

#include "absl/status/status.h"
#include "cli/failure.h"

namespace bulkhead {
namespace {

struct ReaderDeleter {
  void operator()(archive* reader) const { archive_read_free(reader); }
};

}  // namespace

absl::StatusOr<std::string> Decompress(std::span<const std::byte> stream, size_t limit) {
  const std::unique_ptr<archive, ReaderDeleter> reader(archive_read_new());
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_filter_bzip2(reader.get());
  archive_read_support_filter_xz(reader.get());
  archive_read_support_filter_lzma(reader.get());
  archive_read_support_filter_zstd(reader.get());
  archive_read_support_filter_lz4(reader.get());
  archive_read_support_format_raw(reader.get());
  archive_entry* entry = nullptr;
  if (archive_read_open_memory(reader.get(), stream.data(), stream.size()) != ARCHIVE_OK ||
      archive_read_next_header(reader.get(), &entry) != ARCHIVE_OK) {
    return absl::InvalidArgumentError("its payload is compressed in an unknown way");
  }
  if (archive_filter_code(reader.get(), 0) == ARCHIVE_FILTER_NONE) {
    return absl::InvalidArgumentError("its payload is not compressed in a known way");
  }
  std::string out;
  for (;;) {
    char chunk[1 << 16];
    const la_ssize_t n = archive_read_data(reader.get(), chunk, sizeof(chunk));
    if (n == 0) return out;
    if (n < 0) {
      const char* text = archive_error_string(reader.get());
      return absl::DataLossError(absl::StrCat("its payload cannot be unpacked (",
                                              Printable(text != nullptr ? text : "unknown error"),
                                              ")"));
    }
    if (out.size() + static_cast<size_t>(n) > limit) {
      return absl::InvalidArgumentError("its payload is too large");
    }
    out.append(chunk, static_cast<size_t>(n));
  }
}

}  // namespace bulkhead
