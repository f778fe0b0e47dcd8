// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "control/x86_64/com2.h"

#include "control/x86_64/ports.h"

namespace bulkhead {
namespace {

constexpr uint16_t kBase = 0x2f8;

}  // namespace

uint8_t Com2::Read(uint16_t offset) { return static_cast<uint8_t>(ReadPort(kBase + offset, 1)); }

void Com2::Write(uint16_t offset, uint8_t value) { WritePort(kBase + offset, 1, value); }

}  // namespace bulkhead
