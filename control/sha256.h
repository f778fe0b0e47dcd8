// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CONTROL_SHA256_H_
#define BULKHEAD_CONTROL_SHA256_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>

namespace bulkhead {

using Sha256Digest = std::array<std::byte, 32>;

// SHA-256 (FIPS 180-4) of the parts, one after the other.
Sha256Digest Sha256Of(std::initializer_list<std::span<const std::byte>> parts);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROL_SHA256_H_
