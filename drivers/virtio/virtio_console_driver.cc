// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "drivers/virtio/virtio_console_driver.h"

#include <algorithm>
#include <cstring>

namespace bulkhead {
namespace {

constexpr uint16_t kReceiveQueue = 0;
constexpr uint16_t kTransmitQueue = 1;

// A modern device, and one that knows the legacy interface too.
constexpr uint16_t kDeviceIds[] = {kVirtioPciModernBase + 3, 0x1003};

}  // namespace

Result<PciFunction> VirtioConsoleDriver::Find(DriverPlatform& platform, const PciHost& host) {
  return PciFunction::Find(platform, host, kVirtioPciVendor, kDeviceIds);
}

Status VirtioConsoleDriver::Start(DriverPlatform& platform, const PciFunction& function) {
  BULKHEAD_RETURN_IF_ERROR(device_.Open(platform, function));
  BULKHEAD_RETURN_IF_ERROR(device_.Negotiate(
      kVirtioFeatureVersion1, kVirtioFeatureAccessPlatform | kVirtioFeatureOrderPlatform));
  BULKHEAD_RETURN_IF_ERROR(device_.SetUpQueue(kReceiveQueue, kBuffers, &receive_.queue));
  BULKHEAD_RETURN_IF_ERROR(device_.SetUpQueue(kTransmitQueue, kBuffers, &transmit_.queue));
  for (Direction* direction : {&receive_, &transmit_}) {
    direction->buffers = std::min(kBuffers, direction->queue.size());
    for (uint16_t i = 0; i < direction->buffers; ++i) {
      const auto page = platform.AllocateDma();
      if (!page.ok()) return page.status();
      direction->pages[i] = *page;
    }
  }
  for (uint16_t i = 0; i < transmit_.buffers; ++i) free_pages_[free_count_++] = i;
  device_.DriverOk();
  status_ = Status::kOk;
  for (uint16_t i = 0; i < receive_.buffers; ++i) Post(i);
  if (receive_.queue.Publish()) device_.Notify(kReceiveQueue);
  return Status::kOk;
}

void VirtioConsoleDriver::Break() {
  status_ = Status::kCorrupt;
  device_.Fail();
}

// Offers a page for received bytes.
void VirtioConsoleDriver::Post(uint16_t page) {
  const VirtqueueDriver::Buffer buffer = {.bus_address = receive_.pages[page].bus_address,
                                          .length = kBufferBytes,
                                          .device_writes = true};
  const auto head = receive_.queue.Add({&buffer, 1});
  if (head.ok()) receive_.page_of[*head] = page;
}

size_t VirtioConsoleDriver::Receive(std::span<std::byte> out) {
  size_t received = 0;
  bool posted = false;
  while (status_ == Status::kOk && received < out.size()) {
    if (current_offset_ == current_length_) {
      const auto completion = receive_.queue.Take();
      if (completion.status() == Status::kCorrupt) Break();
      if (!completion.ok()) break;
      current_page_ = receive_.page_of[completion->head];
      current_offset_ = 0;
      current_length_ = completion->written;
    }
    const size_t count = std::min(out.size() - received, current_length_ - current_offset_);
    std::memcpy(out.data() + received, receive_.pages[current_page_].bytes + current_offset_,
                count);
    received += count;
    current_offset_ += count;
    if (current_offset_ == current_length_) {
      Post(current_page_);
      posted = true;
    }
  }
  if (posted && receive_.queue.Publish()) device_.Notify(kReceiveQueue);
  return received;
}

void VirtioConsoleDriver::ReclaimSent() {
  while (true) {
    const auto completion = transmit_.queue.Take();
    if (completion.status() == Status::kCorrupt) Break();
    if (!completion.ok()) return;
    free_pages_[free_count_++] = transmit_.page_of[completion->head];
  }
}

size_t VirtioConsoleDriver::Send(std::span<const std::byte> bytes) {
  if (status_ != Status::kOk) return 0;
  ReclaimSent();
  size_t sent = 0;
  while (status_ == Status::kOk && sent < bytes.size() && free_count_ > 0) {
    const uint16_t page = free_pages_[free_count_ - 1];
    const size_t count = std::min(bytes.size() - sent, kBufferBytes);
    std::memcpy(transmit_.pages[page].bytes, bytes.data() + sent, count);
    const VirtqueueDriver::Buffer buffer = {.bus_address = transmit_.pages[page].bus_address,
                                            .length = static_cast<uint32_t>(count),
                                            .device_writes = false};
    const auto head = transmit_.queue.Add({&buffer, 1});
    if (!head.ok()) break;
    transmit_.page_of[*head] = page;
    --free_count_;
    sent += count;
  }
  if (sent > 0 && transmit_.queue.Publish()) device_.Notify(kTransmitQueue);
  return sent;
}

}  // namespace bulkhead
