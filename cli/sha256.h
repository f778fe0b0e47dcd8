// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_SHA256_H_
#define BULKHEAD_CLI_SHA256_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace bulkhead {

// SHA-256 of what it is fed (libcrypto).
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Update(const void* data, size_t size);
  // Once, at the end: 64 lower-case hexadecimal digits.
  std::string Hex();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

std::string Sha256Hex(const std::string& bytes);

struct FileDigest {
  std::string hex;
  uint64_t size = 0;  // bytes
};
absl::StatusOr<FileDigest> Sha256File(const std::string& path);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_SHA256_H_
