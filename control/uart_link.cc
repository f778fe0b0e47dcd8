// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "control/uart_link.h"

namespace bulkhead {

size_t UartLink::Send(std::span<const std::byte> bytes) {
  // Whoever has something to send that does not fit has to come back soon.
  looks_in_vain_ = 0;
  return uart_.Send(bytes);
}

size_t UartLink::Receive(std::span<std::byte> out) {
  const size_t received = uart_.Receive(out);
  if (received > 0) {
    looks_in_vain_ = 0;
  } else if (looks_in_vain_ < kPatience) {
    ++looks_in_vain_;
  }
  return received;
}

uint32_t UartLink::PollInterval() const {
  return looks_in_vain_ < kPatience ? kBusyInterval : kQuietInterval;
}

}  // namespace bulkhead
