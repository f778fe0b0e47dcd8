// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// A UART that answers whatever the input says: the driver takes no more than it was asked for, and
// a stream that is broken stays so.

#include <array>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "drivers/uart/uart16550.h"

namespace bulkhead {
namespace {

class FuzzUart final : public UartRegisters {
 public:
  explicit FuzzUart(std::span<const uint8_t> input) : input_(input) {}
  uint8_t Read(uint16_t offset) override {
    if (offset > 7) abort();
    return Next();
  }
  void Write(uint16_t offset, uint8_t /*value*/) override {
    if (offset > 7) abort();
  }
  uint8_t Next() {
    if (input_.empty()) return 0;
    const uint8_t byte = input_.front();
    input_ = input_.subspan(1);
    return byte;
  }
  bool empty() const { return input_.empty(); }

 private:
  std::span<const uint8_t> input_;
};

void Run(std::span<const uint8_t> input) {
  FuzzUart machine(input);
  Uart16550 uart;
  if (uart.Start(machine) != Status::kOk) return;
  std::array<std::byte, 300> bytes = {};
  while (!machine.empty()) {
    const bool broken = uart.status() != Status::kOk;
    const size_t size = machine.Next();
    const size_t moved = size % 2 == 0 ? uart.Send(std::span(bytes).first(size))
                                       : uart.Receive(std::span(bytes).first(size));
    if (moved > size || (broken && moved > 0)) abort();
    if (broken && uart.status() == Status::kOk) abort();
  }
}

}  // namespace
}  // namespace bulkhead

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bulkhead::Run({data, size});
  return 0;
}
