// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BASE_READ_ONCE_H_
#define BULKHEAD_BASE_READ_ONCE_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace bulkhead {

// Copies what somebody less trusted may be writing to at the same time. Each word is read exactly
// once: the compiler must not read it again after it has been checked. A value of several words may
// be torn, half old and half new.
template <typename T>
inline T ReadOnce(const T& shared) {
  static_assert(std::is_trivially_copyable_v<T>);
  if constexpr (std::is_scalar_v<T>) {
    return *static_cast<const volatile T*>(&shared);
  } else {
    using Word [[gnu::may_alias]] = uint64_t;
    static_assert(sizeof(T) % sizeof(Word) == 0 && alignof(T) >= alignof(Word));
    const auto* words = reinterpret_cast<const volatile Word*>(&shared);
    std::array<uint64_t, sizeof(T) / sizeof(Word)> copy;
#pragma unroll
    for (size_t i = 0; i < copy.size(); ++i) copy[i] = words[i];
    return std::bit_cast<T>(copy);
  }
}

}  // namespace bulkhead

#endif  // BULKHEAD_BASE_READ_ONCE_H_
