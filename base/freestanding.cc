// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// What the compiler expects of a C library where there is none (C11, 7.24), but for what is each
// architecture's own (ARCHITECTURE/memory.cc).

#include <cstddef>
#include <cstdint>

extern "C" {

void* memcpy(void* __restrict destination, const void* __restrict source, size_t count);

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
