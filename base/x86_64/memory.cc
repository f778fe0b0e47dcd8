// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Copying and filling by the string instructions, which are what the hardware makes fast, and which
// keep the code free of vector registers (C11, 7.24).

#include <cstddef>
#include <cstdint>

extern "C" {

void* memcpy(void* __restrict destination, const void* __restrict source, size_t count) {
  void* result = destination;
  size_t words = count / 8;
  size_t rest = count % 8;
  asm volatile("rep movsq" : "+D"(destination), "+S"(source), "+c"(words) : : "memory");
  asm volatile("rep movsb" : "+D"(destination), "+S"(source), "+c"(rest) : : "memory");
  return result;
}

void* memset(void* destination, int value, size_t count) {
  void* result = destination;
  uint64_t pattern = 0x0101010101010101U * static_cast<unsigned char>(value);
  size_t words = count / 8;
  size_t rest = count % 8;
  asm volatile("rep stosq" : "+D"(destination), "+c"(words) : "a"(pattern) : "memory");
  asm volatile("rep stosb" : "+D"(destination), "+c"(rest) : "a"(pattern) : "memory");
  return result;
}

}  // extern "C"
