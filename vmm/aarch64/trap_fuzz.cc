// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Any syndrome, any registers: what the VMM makes of an exit.

#include <array>
#include <cstdlib>
#include <cstring>

#include "vmm/aarch64/mmio_access.h"
#include "vmm/aarch64/smccc.h"
#include "vmm/aarch64/system_registers.h"

namespace bulkhead {
namespace {

class Zeros final : public EntropySource {
 public:
  size_t Entropy(std::span<std::byte> out) override {
    for (std::byte& byte : out) byte = std::byte{0};
    return out.size();
  }
};

struct Exit {
  uint64_t esr;
  uint64_t value;
  std::array<uint64_t, 31> gpr;
};

void TryMmio(Exit exit) {
  MmioAccessError error;
  const auto access = DecodeMmio(exit.esr, error);
  if (!access) {
    if (error.text == nullptr) std::abort();
    return;
  }
  const uint64_t stored = StoreValue(*access, exit.gpr);
  if (access->width < 8 && stored >> (8 * access->width) != 0) std::abort();
  const auto before = exit.gpr;
  FinishLoad(*access, exit.value, exit.gpr);
  for (size_t i = 0; i < before.size(); ++i) {
    if (i != access->gpr && exit.gpr[i] != before[i]) std::abort();
  }
}

void TrySystemRegister(const Exit& exit) {
  const SystemRegisterAccess access = DecodeSystemRegister(exit.esr);
  (void)ReadSystemRegister(access.id, {exit.gpr, exit.value});
  (void)IgnoresSystemRegisterWrite(access.id);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Exit exit = {};
  std::memcpy(&exit, data, size < sizeof(exit) ? size : sizeof(exit));
  TryMmio(exit);
  TrySystemRegister(exit);
  Zeros zeros;
  (void)Smccc(1, &zeros, 0x1000).Call(std::span<const uint64_t, 31>(exit.gpr).first<4>());
  return 0;
}

}  // namespace bulkhead
