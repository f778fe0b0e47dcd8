// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_RAM_H_
#define BULKHEAD_VMM_RAM_H_

#include <cstdint>

namespace bulkhead {

// A piece of a guest's RAM: guest-physical address and length, bytes. Length 0: there is none.
struct RamPiece {
  uint64_t start;
  uint64_t length;
};

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_RAM_H_
