// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "base/format.h"

#include <algorithm>

namespace bulkhead {

TextWriter& TextWriter::operator<<(std::string_view text) {
  const size_t count = std::min(text.size(), capacity_ - length_);
  for (size_t i = 0; i < count; ++i) buffer_[length_ + i] = text[i];
  length_ += count;
  return *this;
}

TextWriter& TextWriter::operator<<(Hex number) {
  std::array<char, 16> digits;
  size_t first = digits.size();
  int wanted = number.digits;
  uint64_t rest = number.value;
  while ((rest != 0 || wanted > 0) && first > 0) {
    digits[--first] = "0123456789abcdef"[rest & 15];
    rest >>= 4;
    --wanted;
  }
  return *this << "0x" << std::string_view(&digits[first], digits.size() - first);
}

TextWriter& TextWriter::Decimal(uint64_t number) {
  std::array<char, 20> digits;
  size_t first = digits.size();
  do {
    digits[--first] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  return *this << std::string_view(&digits[first], digits.size() - first);
}

}  // namespace bulkhead
