// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/x86_64/aml.h"

namespace bulkhead {
namespace {

// ACPI 6.4, 20.3.
constexpr uint8_t kZeroOp = 0x00;
constexpr uint8_t kOneOp = 0x01;
constexpr uint8_t kNameOp = 0x08;
constexpr uint8_t kBytePrefix = 0x0a;
constexpr uint8_t kDwordPrefix = 0x0c;
constexpr uint8_t kStringPrefix = 0x0d;
constexpr uint8_t kScopeOp = 0x10;
constexpr uint8_t kBufferOp = 0x11;
constexpr uint8_t kPackageOp = 0x12;
constexpr uint8_t kExtendedPrefix = 0x5b;
constexpr uint8_t kDeviceOp = 0x82;

constexpr size_t kLengthBytes = 3;                // of a package length, always
constexpr size_t kLengthLimit = size_t{1} << 20;  // what three bytes can say

}  // namespace

void AmlWriter::Byte(uint8_t value) {
  if (size_ == buffer_.size()) {
    overflowed_ = true;
    return;
  }
  buffer_[size_++] = std::byte{value};
}

void AmlWriter::Raw(std::string_view text) {
  for (const char c : text) Byte(static_cast<uint8_t>(c));
}

void AmlWriter::Dword(uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) Byte(static_cast<uint8_t>(value >> shift));
}

void AmlWriter::Name(std::string_view name) {
  Byte(kNameOp);
  Raw(name);
}

// Lengths have three bytes whatever their value, so that nothing moves when they become known
// (ACPI 6.4, 20.2.4: the first holds the low four bits and says that two more follow).
AmlWriter::Open AmlWriter::Begin() {
  const Open open{size_};
  for (size_t i = 0; i < kLengthBytes; ++i) Byte(0);
  return open;
}

void AmlWriter::End(Open open) {
  const size_t length = size_ - open.length_at;
  if (overflowed_ || length >= kLengthLimit) {
    overflowed_ = true;
    return;
  }
  buffer_[open.length_at] = std::byte(0x80 | (length & 0xf));
  buffer_[open.length_at + 1] = std::byte(length >> 4 & 0xff);
  buffer_[open.length_at + 2] = std::byte(length >> 12);
}

AmlWriter::Open AmlWriter::Scope(std::string_view path) {
  Byte(kScopeOp);
  const Open open = Begin();
  Raw(path);
  return open;
}

AmlWriter::Open AmlWriter::Device(std::string_view name) {
  Byte(kExtendedPrefix);
  Byte(kDeviceOp);
  const Open open = Begin();
  Raw(name);
  return open;
}

AmlWriter::Open AmlWriter::NamedPackage(std::string_view name, uint8_t elements) {
  Name(name);
  Byte(kPackageOp);
  const Open open = Begin();
  Byte(elements);
  return open;
}

void AmlWriter::NamedString(std::string_view name, std::string_view value) {
  Name(name);
  Byte(kStringPrefix);
  Raw(value);
  Byte(0);
}

void AmlWriter::Integer(uint32_t value) {
  if (value == 0) return Byte(kZeroOp);
  if (value == 1) return Byte(kOneOp);
  if (value <= 0xff) {
    Byte(kBytePrefix);
    return Byte(static_cast<uint8_t>(value));
  }
  Byte(kDwordPrefix);
  Dword(value);
}

void AmlWriter::NamedInteger(std::string_view name, uint32_t value) {
  Name(name);
  Integer(value);
}

void AmlWriter::RegistersAndInterrupt(uint32_t address, uint32_t length, uint32_t gsi) {
  constexpr uint8_t kMemory32 = 12, kInterrupt = 9, kEndTag = 2;
  Name("_CRS");
  Byte(kBufferOp);
  const Open open = Begin();
  Integer(kMemory32 + kInterrupt + kEndTag);
  Byte(0x86);  // 32-bit fixed memory range
  Byte(kMemory32 - 3);
  Byte(0);
  Byte(1);  // read and write
  Dword(address);
  Dword(length);
  Byte(0x89);  // extended interrupt
  Byte(kInterrupt - 3);
  Byte(0);
  Byte(0x03);  // consumer, edge-triggered, active high, exclusive
  Byte(1);     // one interrupt
  Dword(gsi);
  Byte(0x79);  // end tag; a checksum of zero means "not used"
  Byte(0);
  End(open);
}

}  // namespace bulkhead
