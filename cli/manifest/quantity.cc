// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/manifest/quantity.h"

#include <array>
#include <limits>

namespace bulkhead {
namespace {

using Wide = unsigned __int128;

struct Suffix {
  std::string_view text;
  int ten;  // powers
  int two;
};

constexpr std::array<Suffix, 16> kSuffixes = {{{"", 0, 0},
                                               {"n", -9, 0},
                                               {"u", -6, 0},
                                               {"m", -3, 0},
                                               {"k", 3, 0},
                                               {"M", 6, 0},
                                               {"G", 9, 0},
                                               {"T", 12, 0},
                                               {"P", 15, 0},
                                               {"E", 18, 0},
                                               {"Ki", 0, 10},
                                               {"Mi", 0, 20},
                                               {"Gi", 0, 30},
                                               {"Ti", 0, 40},
                                               {"Pi", 0, 50},
                                               {"Ei", 0, 60}}};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Digits with at most one point: their value without it, and how many come after it.
bool TakeNumber(std::string_view* text, Wide* value, int* after_point) {
  bool any = false;
  bool point = false;
  size_t i = 0;
  for (; i < text->size(); ++i) {
    const char c = (*text)[i];
    if (c == '.' && !point) {
      point = true;
      continue;
    }
    if (!IsDigit(c)) break;
    any = true;
    if (__builtin_mul_overflow(*value, Wide{10}, value) ||
        __builtin_add_overflow(*value, static_cast<Wide>(c - '0'), value)) {
      return false;
    }
    if (point) ++*after_point;
  }
  text->remove_prefix(i);
  return any;
}

// The exponent of "e3", "E-3".
std::optional<int> ParseExponent(std::string_view text) {
  if (text.size() < 2 || (text[0] != 'e' && text[0] != 'E')) return std::nullopt;
  text.remove_prefix(1);
  const bool negative = text[0] == '-';
  if (negative || text[0] == '+') text.remove_prefix(1);
  if (text.empty() || text.size() > 2) return std::nullopt;
  int value = 0;
  for (const char c : text) {
    if (!IsDigit(c)) return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return negative ? -value : value;
}

std::optional<Suffix> FindSuffix(std::string_view text) {
  for (const Suffix& suffix : kSuffixes) {
    if (suffix.text == text) return suffix;
  }
  if (const std::optional<int> exponent = ParseExponent(text)) return Suffix{"", *exponent, 0};
  return std::nullopt;
}

}  // namespace

std::optional<uint64_t> ParseQuantity(std::string_view text, uint32_t scale) {
  if (!text.empty() && text[0] == '+') text.remove_prefix(1);
  Wide value = 0;
  int after_point = 0;
  if (!TakeNumber(&text, &value, &after_point)) return std::nullopt;
  const std::optional<Suffix> suffix = FindSuffix(text);
  if (!suffix.has_value()) return std::nullopt;
  if (value == 0) return 0;
  if (__builtin_mul_overflow(value, Wide{scale}, &value) ||
      __builtin_mul_overflow(value, Wide{1} << suffix->two, &value)) {
    return std::nullopt;
  }
  int ten = suffix->ten - after_point;
  for (; ten > 0; --ten) {
    if (__builtin_mul_overflow(value, Wide{10}, &value)) return std::nullopt;
  }
  // Once it is 1 it stays 1: rounded up.
  for (; ten < 0 && value > 1; ++ten) value = value / 10 + (value % 10 != 0 ? 1 : 0);
  if (value > std::numeric_limits<uint64_t>::max()) return std::nullopt;
  return static_cast<uint64_t>(value);
}

}  // namespace bulkhead
