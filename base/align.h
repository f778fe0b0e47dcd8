// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BASE_ALIGN_H_
#define BULKHEAD_BASE_ALIGN_H_

#include <cstdint>

namespace bulkhead {

inline constexpr uint64_t kPageSize = 4096;
inline constexpr uint64_t kPageShift = 12;
inline constexpr uint64_t kSuperpageSize = uint64_t{2} << 20;

// `alignment` is a power of two.
constexpr bool IsAligned(uint64_t value, uint64_t alignment) {
  return (value & (alignment - 1)) == 0;
}
constexpr uint64_t AlignDown(uint64_t value, uint64_t alignment) {
  return value & ~(alignment - 1);
}
// Wraps to zero for values in the last `alignment` bytes of the number range.
constexpr uint64_t AlignUp(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}

// Whether [start, start + length) lies in [0, limit), without wrapping.
constexpr bool RangeWithin(uint64_t start, uint64_t length, uint64_t limit) {
  return start <= limit && length <= limit - start;
}

}  // namespace bulkhead

#endif  // BULKHEAD_BASE_ALIGN_H_
