// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/kernel_format.h"

#include "cli/decompress.h"
#include "cli/failure.h"

namespace bulkhead {

bool IsGzip(std::span<const std::byte> file) { return StartsWith(file, "\x1f\x8b", 2); }

bool IsElf(std::span<const std::byte> file) {
  return StartsWith(file,
                    "\x7f"
                    "ELF",
                    4);
}

absl::Status NotAKernel(const std::string& name, const std::string& why, const char* advice) {
  return Failure(name, " is not a kernel (", why, "); ", advice);
}

absl::Status WrongKernelMachine(const std::string& name, const char* machine,
                                const std::string& why, const char* advice) {
  return Failure("kernel ", name, " is not for ", machine, " (", why, "); ", advice);
}

absl::Status TruncatedKernel(const std::string& name, const std::string& why) {
  return Failure("kernel ", name, " is truncated (", why, "); copy it again");
}

absl::Status CorruptKernel(const std::string& name, const std::string& why) {
  return Failure("kernel ", name, " is corrupt: ", why, "; copy it again");
}

absl::StatusOr<std::string> UnpackPayload(std::span<const std::byte> stream, uint32_t expected,
                                          const std::string& name, const char* advice) {
  absl::StatusOr<std::string> out = Decompress(stream, kMaxKernel);
  if (!out.ok()) {
    const std::string why(out.status().message());
    return absl::IsDataLoss(out.status()) ? CorruptKernel(name, why)
                                          : NotAKernel(name, why, advice);
  }
  if (out->size() != expected) {
    return CorruptKernel(
        name, absl::StrCat("its payload has ", out->size(), " bytes instead of ", expected));
  }
  return out;
}

}  // namespace bulkhead
