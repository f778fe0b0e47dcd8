// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_MANIFEST_QUANTITY_H_
#define BULKHEAD_CLI_MANIFEST_QUANTITY_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace bulkhead {

// A Kubernetes quantity ("500m", "1.5", "128Mi", "1e3") times `scale`, rounded up as Kubernetes
// does. Nothing: it is none, is negative, or does not fit.
std::optional<uint64_t> ParseQuantity(std::string_view text, uint32_t scale);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_MANIFEST_QUANTITY_H_
