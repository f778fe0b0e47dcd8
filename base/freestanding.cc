// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// What the compiler expects of a C library where there is none (C11, 7.24). On x86_64 the string
// instructions are what the hardware makes fast, and they keep the code free of vector registers.

#include <cstddef>
#include <cstdint>

namespace {

#if !defined(__x86_64__)
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
#endif

}  // namespace

extern "C" {

void* memcpy(void* __restrict destination, const void* __restrict source, size_t count) {
#if defined(__x86_64__)
  void* result = destination;
  size_t words = count / 8;
  size_t rest = count % 8;
  asm volatile("rep movsq" : "+D"(destination), "+S"(source), "+c"(words) : : "memory");
  asm volatile("rep movsb" : "+D"(destination), "+S"(source), "+c"(rest) : : "memory");
  return result;
#else
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
#endif
}

void* memset(void* destination, int value, size_t count) {
#if defined(__x86_64__)
  void* result = destination;
  uint64_t pattern = 0x0101010101010101U * static_cast<unsigned char>(value);
  size_t words = count / 8;
  size_t rest = count % 8;
  asm volatile("rep stosq" : "+D"(destination), "+c"(words) : "a"(pattern) : "memory");
  asm volatile("rep stosb" : "+D"(destination), "+c"(rest) : "a"(pattern) : "memory");
  return result;
#else
  auto* to = static_cast<volatile unsigned char*>(destination);
  if ((reinterpret_cast<uintptr_t>(to) & 7) == 0) {
    const uint64_t pattern = 0x0101010101010101U * static_cast<unsigned char>(value);
    for (; count >= 8; count -= 8, to += 8) *reinterpret_cast<volatile uint64_t*>(to) = pattern;
  }
  for (size_t i = 0; i < count; ++i) to[i] = static_cast<unsigned char>(value);
  return destination;
#endif
}

void* memmove(void* destination, const void* source, size_t count) {
  if (reinterpret_cast<uintptr_t>(destination) <= reinterpret_cast<uintptr_t>(source) ||
      reinterpret_cast<uintptr_t>(destination) - reinterpret_cast<uintptr_t>(source) >= count) {
    // memcpy goes upwards.
    return memcpy(destination, source, count);
  }
  auto* to = static_cast<volatile unsigned char*>(destination);
  const auto* from = static_cast<const volatile unsigned char*>(source);
  for (size_t i = count; i > 0; --i) to[i - 1] = from[i - 1];
  return destination;
}

int memcmp(const void* left, const void* right, size_t count) {
  const auto* a = static_cast<const volatile unsigned char*>(left);
  const auto* b = static_cast<const volatile unsigned char*>(right);
  for (size_t i = 0; i < count; ++i) {
    const int difference = a[i] - b[i];
    if (difference != 0) return difference;
  }
  return 0;
}

void* memchr(const void* memory, int value, size_t count) {
  const auto* bytes = static_cast<const volatile unsigned char*>(memory);
  for (size_t i = 0; i < count; ++i) {
    if (bytes[i] == static_cast<unsigned char>(value)) {
      return const_cast<unsigned char*>(bytes + i);
    }
  }
  return nullptr;
}

size_t strlen(const char* text) {
  const volatile char* end = text;
  while (*end != 0) ++end;
  return static_cast<size_t>(end - text);
}

size_t strnlen(const char* text, size_t most) {
  size_t length = 0;
  while (length < most && text[length] != 0) ++length;
  return length;
}

char* strrchr(const char* text, int value) {
  const char* found = nullptr;
  for (;; ++text) {
    if (*text == static_cast<char>(value)) found = text;
    if (*text == 0) return const_cast<char*>(found);
  }
}

}  // extern "C"
