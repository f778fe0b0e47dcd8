// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/uefi/x86_64/paging.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>

namespace bulkhead::uefi {
namespace {

constexpr uint64_t kGigabyte = uint64_t{1} << 30;
constexpr uint64_t kImageVirtual = 0xffffffff80000000;

// Tables in host memory: "physical" addresses are pointers here.
class Tables {
 public:
  explicit Tables(const BootMapping& mapping) : pages_(PageTablePages(mapping)) {
    memory_.reset(static_cast<uint64_t*>(std::aligned_alloc(4096, (pages_ + 1) * 4096)));
    for (uint64_t i = 0; i < (pages_ + 1) * 512; ++i) memory_.get()[i] = kGarbage;
    root_ = BuildPageTables(mapping, memory_.get());
  }

  // What the processor would do (AMD APM 2, 5.3).
  std::optional<uint64_t> Translate(uint64_t address) const {
    uint64_t table = root_;
    for (const int shift : {39, 30, 21}) {
      const uint64_t entry = reinterpret_cast<const uint64_t*>(table)[address >> shift & 511];
      if ((entry & 3) != 3) return std::nullopt;
      const uint64_t target = entry & 0x000ffffffffff000;
      if ((entry & 0x80) != 0) {
        EXPECT_NE(shift, 39);
        EXPECT_EQ(target & ((uint64_t{1} << shift) - 1), 0u);
        return target | (address & ((uint64_t{1} << shift) - 1));
      }
      table = target;
    }
    ADD_FAILURE() << "a table of 4 KiB pages";
    return std::nullopt;
  }

  bool KeptItsBounds() const { return memory_.get()[pages_ * 512] == kGarbage; }
  bool UsedAllPages() const { return memory_.get()[pages_ * 512 - 1] != kGarbage; }

 private:
  static constexpr uint64_t kGarbage = 0xdeaddeaddeaddead;
  struct Free {
    void operator()(uint64_t* memory) const { std::free(memory); }
  };
  uint64_t pages_;
  std::unique_ptr<uint64_t, Free> memory_;
  uint64_t root_ = 0;
};

class Paging : public testing::TestWithParam<bool> {};

TEST_P(Paging, MapsMemoryOneToOneAndTheImage) {
  for (const uint64_t gigabytes : {4, 5, 511, 512, 513, 1030}) {
    const Tables tables({.identity_end = gigabytes * kGigabyte - 4096,
                         .image_virtual = kImageVirtual,
                         .image_physical = 0x1de00000,
                         .image_length = 0x200001,
                         .gigabyte_pages = GetParam()});
    EXPECT_TRUE(tables.KeptItsBounds());
    EXPECT_TRUE(tables.UsedAllPages());
    for (uint64_t i = 0; i < gigabytes; ++i) {
      for (const uint64_t offset : {0x0ULL, 0x12345678ULL, 0x3fffffffULL}) {
        ASSERT_EQ(tables.Translate(i * kGigabyte + offset), i * kGigabyte + offset);
      }
    }
    EXPECT_EQ(tables.Translate(gigabytes * kGigabyte), std::nullopt);
    EXPECT_EQ(tables.Translate(kImageVirtual), 0x1de00000u);
    EXPECT_EQ(tables.Translate(kImageVirtual + 0x3fffff), 0x1de00000u + 0x3fffff);
    EXPECT_EQ(tables.Translate(kImageVirtual + 0x400000), std::nullopt);
    EXPECT_EQ(tables.Translate(kImageVirtual - 1), std::nullopt);
  }
}

INSTANTIATE_TEST_SUITE_P(PageSizes, Paging, testing::Bool());

}  // namespace
}  // namespace bulkhead::uefi
