// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BASE_FORMAT_H_
#define BULKHEAD_BASE_FORMAT_H_

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace bulkhead {

// A number to be written in hexadecimal with 0x; `digits` pads with zeros.
struct Hex {
  uint64_t value;
  int digits = 1;
};

// A line of text under construction. Never allocates; what does not fit is cut off.
class TextWriter {
 public:
  TextWriter(char* buffer, size_t capacity) : buffer_(buffer), capacity_(capacity) {}
  TextWriter(const TextWriter&) = delete;
  TextWriter& operator=(const TextWriter&) = delete;

  TextWriter& operator<<(std::string_view text);
  TextWriter& operator<<(const char* text) { return *this << std::string_view(text); }
  TextWriter& operator<<(char c) { return *this << std::string_view(&c, 1); }
  TextWriter& operator<<(Hex number);
  template <std::integral T>
  TextWriter& operator<<(T number) {
    if constexpr (std::signed_integral<T>) {
      if (number < 0) {
        *this << '-';
        return Decimal(uint64_t{0} - static_cast<uint64_t>(number));
      }
    }
    return Decimal(static_cast<uint64_t>(number));
  }

  std::string_view view() const { return {buffer_, length_}; }
  void Clear() { length_ = 0; }

 private:
  TextWriter& Decimal(uint64_t number);

  char* buffer_;
  size_t capacity_;
  size_t length_ = 0;
};

namespace internal {
template <size_t kCapacity>
struct TextStorage {
  std::array<char, kCapacity> storage;
};
}  // namespace internal

// A TextWriter with room for kCapacity bytes of its own.
template <size_t kCapacity = 256>
class Text : private internal::TextStorage<kCapacity>, public TextWriter {
 public:
  Text() : TextWriter(this->storage.data(), kCapacity) {}
};

}  // namespace bulkhead

#endif  // BULKHEAD_BASE_FORMAT_H_
