// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/sha256.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "cli/failure.h"
#include "cli/unique_fd.h"

namespace bulkhead {

struct Sha256::Context {
  EVP_MD_CTX* md = EVP_MD_CTX_new();
  ~Context() { EVP_MD_CTX_free(md); }
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  EVP_DigestInit_ex(context_->md, EVP_sha256(), nullptr);
}

Sha256::~Sha256() = default;

void Sha256::Update(const void* data, size_t size) { EVP_DigestUpdate(context_->md, data, size); }

std::string Sha256::Hex() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_DigestFinal_ex(context_->md, digest, &size);
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) {
    hex += "0123456789abcdef"[digest[i] >> 4];
    hex += "0123456789abcdef"[digest[i] & 15];
  }
  return hex;
}

std::string Sha256Hex(const std::string& bytes) {
  Sha256 sha;
  sha.Update(bytes.data(), bytes.size());
  return sha.Hex();
}

absl::StatusOr<FileDigest> Sha256File(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoFailure(absl::StrCat("cannot open ", path), errno);
  Sha256 sha;
  FileDigest out;
  std::vector<char> buffer(1 << 20);
  for (;;) {
    const ssize_t n = read(fd.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoFailure(absl::StrCat("cannot read ", path), errno);
    if (n == 0) break;
    sha.Update(buffer.data(), static_cast<size_t>(n));
    out.size += static_cast<uint64_t>(n);
  }
  out.hex = sha.Hex();
  return out;
}

}  // namespace bulkhead
