// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/kernel_image.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "cli/files.h"
#include "cli/testing_kernel.h"

namespace bulkhead {
namespace {

std::span<const std::byte> Bytes(const std::string& text) {
  return std::as_bytes(std::span<const char>(text));
}

std::string Error(const std::string& file) {
  const absl::StatusOr<std::string> elf = UnpackKernel(Bytes(file), "k");
  if (!elf.ok()) return std::string(elf.status().message());
  return std::string(CheckKernel(Bytes(*elf), "k").status().message());
}

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(KernelImage, PlainAndCompressed) {
  const std::string elf = MakeTestKernel();
  EXPECT_EQ(*UnpackKernel(Bytes(elf), "k"), elf);
  for (const TestCompression compression : {TestCompression::kGzip, TestCompression::kXz,
                                            TestCompression::kZstd, TestCompression::kLz4}) {
    const std::string image = MakeBzImage(elf, compression);
    const absl::StatusOr<std::string> unpacked = UnpackKernel(Bytes(image), "k");
    ASSERT_TRUE(unpacked.ok()) << unpacked.status();
    EXPECT_EQ(*unpacked, elf);
    EXPECT_EQ(Error(image), "");
  }
  EXPECT_EQ(*CheckKernel(Bytes(elf), "k"), 0x200020u);
}

TEST(KernelImage, NotAKernel) {
  for (const std::string& file :
       {std::string(), std::string("#!/bin/sh\n"), std::string(100000, 'x'),
        MakeBzImage("this is not compressed"), MakeBzImage(""),
        MakeBzImage("text, not ELF", TestCompression::kGzip)}) {
    EXPECT_TRUE(Has(Error(file), "is not a kernel")) << Error(file);
  }
}

TEST(KernelImage, Truncated) {
  const std::string elf = MakeTestKernel();
  const std::string image = MakeBzImage(elf, TestCompression::kXz);
  for (const size_t size : {size_t{0x210}, size_t{1100}, image.size() - 8}) {
    EXPECT_TRUE(Has(Error(image.substr(0, size)), "truncated"))
        << size << Error(image.substr(0, size));
  }
  EXPECT_TRUE(Has(Error(elf.substr(0, 0x1008)), "truncated")) << Error(elf.substr(0, 0x1008));
}

TEST(KernelImage, Corrupt) {
  std::string image = MakeBzImage(MakeTestKernel(), TestCompression::kGzip);
  image[image.size() - 5] = static_cast<char>(image[image.size() - 5] ^ 1);  // in the length
  EXPECT_TRUE(Has(Error(image), "corrupt")) << Error(image);
}

TEST(KernelImage, NoPvhEntry) {
  EXPECT_TRUE(Has(Error(MakeTestKernel(false)), "no PVH entry")) << Error(MakeTestKernel(false));
}

TEST(KernelImage, IsCachedByContent) {
  const TempDir work = *TempDir::Create();
  const std::string path = work.path() + "/vmlinuz";
  std::ofstream(path) << MakeBzImage(MakeTestKernel(), TestCompression::kLz4);
  const absl::StatusOr<KernelImage> first = PrepareKernel(path, work.path());
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(*ReadFile(first->path, 1 << 20), MakeTestKernel());
  EXPECT_EQ(PrepareKernel(path, work.path())->path, first->path);
  EXPECT_FALSE(PrepareKernel(work.path() + "/absent", work.path()).ok());
}

}  // namespace
}  // namespace bulkhead
