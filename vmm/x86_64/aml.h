// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_X86_64_AML_H_
#define BULKHEAD_VMM_X86_64_AML_H_

// Just enough of the ACPI machine language to describe devices at fixed places (ACPI 6.4, 20.2).

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace bulkhead {

// Bytes under construction in a buffer of the caller. What does not fit is dropped and overflowed()
// says so.
class AmlWriter {
 public:
  explicit AmlWriter(std::span<std::byte> buffer) : buffer_(buffer) {}

  // An object with a package length: everything written until End() belongs to it.
  struct Open {
    size_t length_at;
  };
  Open Scope(std::string_view path);   // e.g. "\\_SB_"
  Open Device(std::string_view name);  // four characters
  Open NamedPackage(std::string_view name, uint8_t elements);
  void End(Open open);

  void NamedString(std::string_view name, std::string_view value);
  void NamedInteger(std::string_view name, uint32_t value);
  void Integer(uint32_t value);
  // _CRS with one register window and one edge-triggered, active-high interrupt
  // (ACPI 6.4, 6.4.3.4 and 6.4.3.6).
  void RegistersAndInterrupt(uint32_t address, uint32_t length, uint32_t gsi);

  size_t size() const { return size_; }
  bool overflowed() const { return overflowed_; }

 private:
  void Byte(uint8_t value);
  void Raw(std::string_view text);
  void Name(std::string_view name);
  void Dword(uint32_t value);
  Open Begin();

  std::span<std::byte> buffer_;
  size_t size_ = 0;
  bool overflowed_ = false;
};

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_X86_64_AML_H_
