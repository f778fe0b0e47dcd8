// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "guest/testguest/x86_64/pages.h"

extern "C" uint64_t page_top[512];  // start.S

namespace bulkhead::testguest {
namespace {

constexpr uint64_t kEverything = kPagePresent | kPageWritable | kPageUser;
constexpr uint64_t kLargePage = uint64_t{2} << 20;

alignas(kSmallPage) uint64_t pointers[512];
alignas(kSmallPage) uint64_t alias[512];
alignas(kSmallPage) uint64_t window_directory[512];
alignas(kSmallPage) uint64_t window[kWindowPages];

uint64_t Table(const uint64_t* table) { return reinterpret_cast<uint64_t>(table) | kEverything; }

}  // namespace

void SetWindow(uint32_t page, uint64_t entry) {
  *static_cast<volatile uint64_t*>(&window[page]) = entry;
}

uint64_t Window(uint32_t page) { return *static_cast<volatile uint64_t*>(&window[page]); }

void InvalidatePage(uint64_t address) { asm volatile("invlpg (%0)" : : "r"(address) : "memory"); }

void InstallPages() {
  for (uint64_t i = 0; i < 512; ++i) alias[i] = i * kLargePage | kEverything | kPageLarge;
  window_directory[0] = Table(window);
  pointers[0] = Table(alias);
  pointers[1] = Table(window_directory);
  *static_cast<volatile uint64_t*>(&page_top[kUserAlias >> 39]) = Table(pointers);
}

}  // namespace bulkhead::testguest
