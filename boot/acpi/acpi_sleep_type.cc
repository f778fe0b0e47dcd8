// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/acpi/acpi_sleep_type.h"

#include <algorithm>

namespace bulkhead {
namespace {

// ACPI 6.4, 20.3, AML byte stream byte values.
constexpr uint8_t kZeroOp = 0x00;
constexpr uint8_t kOneOp = 0x01;
constexpr uint8_t kNameOp = 0x08;
constexpr uint8_t kBytePrefix = 0x0a;
constexpr uint8_t kWordPrefix = 0x0b;
constexpr uint8_t kDWordPrefix = 0x0c;
constexpr uint8_t kPackageOp = 0x12;
constexpr uint8_t kRootCharacter = 0x5c;
constexpr std::array<std::byte, 4> kName = {std::byte{'_'}, std::byte{'S'}, std::byte{'5'},
                                            std::byte{'_'}};
constexpr uint32_t kMaxSleepType = 7;  // 4.8.3.2.1: SLP_TYPx has three bits

// Reads AML from the front of what is left; `good` stays false after a read past the end.
class AmlReader {
 public:
  explicit AmlReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  bool good() const { return good_; }
  size_t left() const { return bytes_.size(); }

  // Little-endian; `width` at most 4.
  uint32_t Integer(size_t width) {
    if (bytes_.size() < width) good_ = false;
    if (!good_) return 0;
    uint32_t value = 0;
    for (size_t i = 0; i < width; ++i) value |= std::to_integer<uint32_t>(bytes_[i]) << (8 * i);
    bytes_ = bytes_.subspan(width);
    return value;
  }

  // PkgLength (20.2.4): counts its own bytes. Returns what is left of the package after it.
  AmlReader Package() {
    const size_t before = left();
    const uint32_t lead = Integer(1);
    const uint32_t more = lead >> 6;
    const uint32_t length = more == 0 ? lead & 0x3f : (lead & 0xf) | Integer(more) << 4;
    const size_t used = before - left();
    AmlReader package({});
    package.good_ = good_ && length >= used && length - used <= left();
    if (package.good_) package.bytes_ = bytes_.first(length - used);
    return package;
  }

  // A constant integer (20.2.3, ComputationalData); anything else is not good.
  uint32_t Constant() {
    switch (Integer(1)) {
      case kZeroOp:
        return 0;
      case kOneOp:
        return 1;
      case kBytePrefix:
        return Integer(1);
      case kWordPrefix:
        return Integer(2);
      case kDWordPrefix:
        return Integer(4);
      default:
        good_ = false;
        return 0;
    }
  }

 private:
  std::span<const std::byte> bytes_;
  bool good_ = true;
};

// What follows the name: PackageOp PkgLength NumElements element element...
std::optional<std::array<uint8_t, 2>> ReadPackage(std::span<const std::byte> bytes) {
  AmlReader reader(bytes);
  if (reader.Integer(1) != kPackageOp || !reader.good()) return std::nullopt;
  AmlReader package = reader.Package();
  const uint32_t elements = package.Integer(1);
  uint32_t a = package.Constant();
  uint32_t b = 0;
  if (elements >= 2) {
    b = package.Constant();
  } else {
    // Some firmware packs both into one element: SLP_TYPa is its low byte, SLP_TYPb the next.
    b = a >> 8 & 0xff;
    a &= 0xff;
  }
  if (!package.good() || elements == 0 || a > kMaxSleepType || b > kMaxSleepType) {
    return std::nullopt;
  }
  return std::array<uint8_t, 2>{static_cast<uint8_t>(a), static_cast<uint8_t>(b)};
}

}  // namespace

std::optional<std::array<uint8_t, 2>> FindSleepType(std::span<const std::byte> aml) {
  for (auto at = aml.begin();; ++at) {
    at = std::search(at, aml.end(), kName.begin(), kName.end());
    if (at == aml.end()) return std::nullopt;
    const size_t name = static_cast<size_t>(at - aml.begin());
    const auto before = [&](size_t distance) -> uint32_t {
      return name < distance ? 0x100U : std::to_integer<uint32_t>(aml[name - distance]);
    };
    // DefName (20.2.5.1): NameOp, the name with or without the root character, the object.
    if (before(1) != kNameOp && (before(1) != kRootCharacter || before(2) != kNameOp)) continue;
    if (const auto type = ReadPackage(aml.subspan(name + kName.size()))) return type;
  }
}

}  // namespace bulkhead
