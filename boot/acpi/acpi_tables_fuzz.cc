// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "boot/acpi/acpi_tables.h"

namespace {

constexpr uint64_t kBase = 0x1000;  // physical address of the input
constexpr size_t kRootLength = 36;

// The input as physical memory. What it gives out is a copy that goes away with the next call, as
// the interface says, and has good checksums: no fuzzer would find them.
class InputReader final : public bulkhead::PhysicalReader {
 public:
  explicit InputReader(std::span<const std::byte> input) : input_(input) {}

  std::span<const std::byte> Map(uint64_t physical, uint64_t length) override {
    copy_.reset();
    if (physical < kBase || physical - kBase > input_.size() ||
        length > input_.size() - (physical - kBase)) {
      return {};
    }
    const std::span<const std::byte> source = input_.subspan(physical - kBase, length);
    copy_ = std::make_unique<std::byte[]>(length);
    const std::span<std::byte> copy(copy_.get(), length);
    std::copy(source.begin(), source.end(), copy.begin());
    if (physical == kBase) {
      if (length >= 20) Balance(copy.first(20), 8);
      if (length >= kRootLength) Balance(copy, 32);
    } else if (length > 9) {
      Balance(copy, 9);
    }
    return copy;
  }

 private:
  static void Balance(std::span<std::byte> bytes, size_t at) {
    uint32_t sum = 0;
    for (const std::byte byte : bytes) sum += std::to_integer<uint32_t>(byte);
    bytes[at] = static_cast<std::byte>(std::to_integer<uint32_t>(bytes[at]) - sum);
  }

  std::span<const std::byte> input_;
  std::unique_ptr<std::byte[]> copy_;
};

void CheckError(const bulkhead::AcpiError& error) {
  bulkhead::Text<> text;
  text << error;
  for (const char c : text.view()) {
    if (c < ' ' || c > '~') __builtin_trap();
  }
}

void CheckRegister(const bulkhead::RegisterWrite& write) {
  if (write.width == 0 || write.width > 4 || (write.set & ~write.clear) != 0) __builtin_trap();
  if (write.address == 0 || write.address + write.width - 1 < write.address) __builtin_trap();
  if (write.space == bulkhead::RegisterSpace::kPort && write.address + write.width > 0x10000) {
    __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  InputReader reader(std::as_bytes(std::span(data, size)));
  bulkhead::AcpiTables tables(reader);
  bulkhead::AcpiError error = tables.Open(kBase);
  CheckError(error);
  if (!error.ok()) return 0;

  bulkhead::PowerOff off;
  CheckError(error = tables.ReadPowerOff(off));
  if (error.ok()) {
    CheckRegister(off.first);
    if (off.second.width != 0) CheckRegister(off.second);
  }
  bulkhead::RegisterWrite reset;
  CheckError(error = tables.ReadReset(reset));
  if (error.ok()) CheckRegister(reset);
  bulkhead::Ecam ecam;
  CheckError(error = tables.ReadEcam(ecam));
  if (error.ok() && (ecam.first_bus > ecam.last_bus || ecam.start() + ecam.length() < ecam.base)) {
    __builtin_trap();
  }
  bulkhead::GicInfo gic;
  CheckError(error = tables.ReadGic(gic));
  if (error.ok() ? gic.redistributor_count > bulkhead::kMaxRedistributorRegions
                 : gic.distributor != 0) {
    __builtin_trap();
  }
  bulkhead::SerialKind kind = bulkhead::SerialKind::kNone;
  uint64_t address = 0;
  CheckError(tables.ReadSerial(kind, address));
  if ((kind == bulkhead::SerialKind::kNone) != (address == 0)) __builtin_trap();
  return 0;
}
