// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/aarch64/image.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "vmm/aarch64/layout.h"

namespace bulkhead {
namespace {

constexpr uint64_t kMib = uint64_t{1} << 20;

template <typename T>
void Put(std::vector<std::byte>& file, size_t offset, T value) {
  std::memcpy(file.data() + offset, &value, sizeof(value));
}

// A kernel of `size` bytes that wants `image_size` bytes of memory.
std::vector<std::byte> Kernel(size_t size = 8192, uint64_t image_size = 3 * kMib) {
  std::vector<std::byte> file(size, std::byte{0xc3});
  std::memset(file.data(), 0, 64);
  Put<uint32_t>(file, 0, 0x91005a4d);
  Put<uint64_t>(file, 16, image_size);
  Put<uint64_t>(file, 24, 0xa);
  Put<uint32_t>(file, 56, 0x644d5241);
  Put<uint32_t>(file, 60, 64);
  Put<uint32_t>(file, 64, 0x4550);
  Put<uint16_t>(file, 64 + 6, 1);    // sections
  Put<uint16_t>(file, 64 + 20, 16);  // optional header
  const size_t section = 64 + 24 + 16;
  Put<uint32_t>(file, section + 16, 4096);
  Put<uint32_t>(file, section + 20, 4096);
  return file;
}

class Image : public testing::Test {
 protected:
  ImageError Load(const std::vector<std::byte>& kernel, size_t initramfs = 0) {
    initramfs_.assign(initramfs, std::byte{0x5a});
    const GuestMemory memory({layout::kRamStart, ram_});
    return LoadImage({kernel, initramfs_}, memory, loaded_);
  }
  std::string Refusal(const std::vector<std::byte>& kernel, size_t initramfs = 0) {
    const ImageError error = Load(kernel, initramfs);
    EXPECT_FALSE(error.ok());
    for (const std::byte byte : ram_) {
      if (byte != std::byte{0}) return "memory was written";
    }
    Text<256> text;
    text << error;
    return std::string(text.view());
  }
  std::byte At(uint64_t address) { return ram_[address - layout::kRamStart]; }

  std::vector<std::byte> ram_ = std::vector<std::byte>(24 * kMib);
  std::vector<std::byte> initramfs_;
  LoadedImage loaded_;
};

TEST_F(Image, KernelAtTheStartInitramfsAtTheEnd) {
  ASSERT_TRUE(Load(Kernel(), 5000).ok());
  EXPECT_EQ(loaded_.entry, layout::kRamStart);
  EXPECT_EQ(loaded_.kernel_end, layout::kRamStart + 3 * kMib);
  EXPECT_EQ(loaded_.initramfs_start, layout::kRamStart + 24 * kMib - 8192);
  EXPECT_EQ(loaded_.initramfs_end, loaded_.initramfs_start + 5000);
  EXPECT_EQ(loaded_.devicetree, loaded_.initramfs_start - layout::kDevicetreeSize);
  EXPECT_EQ(At(loaded_.entry + 8191), std::byte{0xc3});
  EXPECT_EQ(At(loaded_.entry + 8192), std::byte{0});
  EXPECT_EQ(At(loaded_.initramfs_start), std::byte{0x5a});
  EXPECT_EQ(At(loaded_.initramfs_end - 1), std::byte{0x5a});
  EXPECT_EQ(At(loaded_.initramfs_end), std::byte{0});
}

TEST_F(Image, WithoutInitramfs) {
  ASSERT_TRUE(Load(Kernel()).ok());
  EXPECT_EQ(loaded_.initramfs_start, 0u);
  EXPECT_EQ(loaded_.devicetree, layout::kRamStart + 24 * kMib - layout::kDevicetreeSize);
}

TEST_F(Image, TextOffset) {
  std::vector<std::byte> kernel = Kernel();
  Put<uint64_t>(kernel, 8, 0x80000);
  ASSERT_TRUE(Load(kernel).ok());
  EXPECT_EQ(loaded_.entry, layout::kRamStart + 0x80000);
  EXPECT_EQ(At(loaded_.entry), std::byte{0x4d});
  for (const uint64_t offset : {uint64_t{0x80001}, 2 * kMib, ~uint64_t{0xfff}}) {
    kernel = Kernel();
    Put<uint64_t>(kernel, 8, offset);
    ram_.assign(ram_.size(), std::byte{0});
    EXPECT_NE(Refusal(kernel).find("it wants to be at offset 0x"), std::string::npos);
  }
}

TEST_F(Image, WhatIsNoKernel) {
  const std::string not_one = "the kernel cannot be loaded: it is not an arm64 Linux kernel image";
  EXPECT_EQ(Refusal({}), not_one);
  EXPECT_EQ(Refusal(std::vector<std::byte>(63)), not_one);
  EXPECT_EQ(Refusal(std::vector<std::byte>(4096)), not_one);
  std::vector<std::byte> packed(4096);
  Put<uint16_t>(packed, 0, 0x8b1f);
  EXPECT_NE(Refusal(packed).find("compressed"), std::string::npos);
  Put<uint16_t>(packed, 0, 0x5a4d);
  std::memcpy(packed.data() + 4, "zimg", 4);
  EXPECT_NE(Refusal(packed).find("compressed"), std::string::npos);
}

TEST_F(Image, WhatCannotRun) {
  std::vector<std::byte> kernel = Kernel();
  Put<uint64_t>(kernel, 24, 1);
  EXPECT_NE(Refusal(kernel).find("big-endian"), std::string::npos);
  EXPECT_NE(Refusal(Kernel(8192, 0)).find("how large"), std::string::npos);
}

TEST_F(Image, Truncated) {
  std::vector<std::byte> kernel = Kernel();
  for (const size_t size : {8191u, 4096u, 120u, 90u, 70u, 64u}) {
    kernel.resize(size);
    EXPECT_NE(Refusal(kernel).find("it is cut off"), std::string::npos) << size;
  }
}

TEST_F(Image, TooLittleMemory) {
  EXPECT_EQ(Refusal(Kernel(8192, 8 * kMib)),
            "kernel and initramfs need 25 MiB of memory, the pod has 24 MiB");
  EXPECT_NE(Refusal(Kernel(8192, ~uint64_t{0})).find("need"), std::string::npos);
  EXPECT_NE(Refusal(Kernel(), 6 * kMib).find("need"), std::string::npos);
  EXPECT_NE(Refusal(Kernel(9 * kMib, 1)).find("need"), std::string::npos);
}

}  // namespace
}  // namespace bulkhead
