// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Copying and filling by general registers, as the vector registers may be a guest's (C11, 7.24).

#include <cstddef>
#include <cstdint>

namespace {

// Blocks of 64 bytes, as many as there are; the rest is the caller's. By pairs of registers:
// kernels and initial file systems are copied by this.
[[gnu::always_inline]] inline void CopyBlocks(volatile unsigned char*& to,
                                              const volatile unsigned char*& from, size_t& count) {
  for (; count >= 64; count -= 64) {
    uint64_t a, b, c, d;
    asm volatile(
        "ldp %[a], %[b], [%[from]], #64\n"
        "ldp %[c], %[d], [%[from], #-48]\n"
        "stp %[a], %[b], [%[to]], #64\n"
        "stp %[c], %[d], [%[to], #-48]\n"
        "ldp %[a], %[b], [%[from], #-32]\n"
        "ldp %[c], %[d], [%[from], #-16]\n"
        "stp %[a], %[b], [%[to], #-32]\n"
        "stp %[c], %[d], [%[to], #-16]\n"
        : [a] "=&r"(a), [b] "=&r"(b), [c] "=&r"(c), [d] "=&r"(d), [to] "+r"(to), [from] "+r"(from)
        :
        : "memory");
  }
}

}  // namespace

extern "C" {

void* memcpy(void* __restrict destination, const void* __restrict source, size_t count) {
  auto* to = static_cast<volatile unsigned char*>(destination);
  const auto* from = static_cast<const volatile unsigned char*>(source);
  if (((reinterpret_cast<uintptr_t>(to) | reinterpret_cast<uintptr_t>(from)) & 7) == 0) {
    CopyBlocks(to, from, count);
    for (; count >= 8; count -= 8, to += 8, from += 8) {
      *reinterpret_cast<volatile uint64_t*>(to) = *reinterpret_cast<const volatile uint64_t*>(from);
    }
  }
  for (size_t i = 0; i < count; ++i) to[i] = from[i];
  return destination;
}

void* memset(void* destination, int value, size_t count) {
  auto* to = static_cast<volatile unsigned char*>(destination);
  if ((reinterpret_cast<uintptr_t>(to) & 7) == 0) {
    const uint64_t pattern = 0x0101010101010101U * static_cast<unsigned char>(value);
    for (; count >= 8; count -= 8, to += 8) *reinterpret_cast<volatile uint64_t*>(to) = pattern;
  }
  for (size_t i = 0; i < count; ++i) to[i] = static_cast<unsigned char>(value);
  return destination;
}

}  // extern "C"
