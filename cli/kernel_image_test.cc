// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/kernel_image.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "cli/files.h"
#include "cli/testing_kernel.h"

namespace bulkhead {
namespace {

std::span<const std::byte> Bytes(const std::string& text) {
  return std::as_bytes(std::span<const char>(text));
}

constexpr Architecture kX86_64 = Architecture::kX86_64;
constexpr Architecture kAarch64 = Architecture::kAarch64;

std::string Error(const std::string& file, Architecture arch = kX86_64) {
  const absl::StatusOr<std::string> kernel = UnpackKernel(Bytes(file), arch, "k");
  if (!kernel.ok()) return std::string(kernel.status().message());
  return std::string(CheckKernel(Bytes(*kernel), arch, "k").status().message());
}

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(KernelImage, PlainAndCompressed) {
  const std::string elf = MakeTestKernel();
  EXPECT_EQ(*UnpackKernel(Bytes(elf), kX86_64, "k"), elf);
  for (const TestCompression compression : {TestCompression::kGzip, TestCompression::kXz,
                                            TestCompression::kZstd, TestCompression::kLz4}) {
    const std::string image = MakeBzImage(elf, compression);
    const absl::StatusOr<std::string> unpacked = UnpackKernel(Bytes(image), kX86_64, "k");
    ASSERT_TRUE(unpacked.ok()) << unpacked.status();
    EXPECT_EQ(*unpacked, elf);
    EXPECT_EQ(Error(image), "");
  }
  EXPECT_EQ(*CheckKernel(Bytes(elf), kX86_64, "k"), 0x200020u);
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

constexpr TestCompression kCompressions[] = {TestCompression::kGzip, TestCompression::kXz,
                                             TestCompression::kZstd, TestCompression::kLz4};

TEST(Arm64Kernel, PlainAndCompressed) {
  const std::string image = MakeTestImage();
  std::vector<std::string> files = {image, CompressForTest(image, TestCompression::kGzip)};
  for (const TestCompression one : kCompressions) files.push_back(MakeZboot(image, one));
  for (const std::string& file : files) {
    const absl::StatusOr<std::string> unpacked = UnpackKernel(Bytes(file), kAarch64, "k");
    ASSERT_TRUE(unpacked.ok()) << unpacked.status();
    EXPECT_EQ(*unpacked, image);
    EXPECT_EQ(Error(file, kAarch64), "");
  }
  EXPECT_EQ(*CheckKernel(Bytes(image), kAarch64, "k"), 0x200000u);
}

TEST(Arm64Kernel, NotAKernel) {
  std::string big_endian = MakeTestImage();
  big_endian[24] = 1;
  for (const std::string& file :
       {std::string(), std::string("#!/bin/sh\n"), std::string(100000, 'x'), big_endian,
        MakeTestImage(0), MakeTestImage(~uint64_t{0}),
        CompressForTest("text", TestCompression::kGzip),
        MakeZboot("text, not an Image", TestCompression::kXz)}) {
    EXPECT_TRUE(Has(Error(file, kAarch64), "is not a kernel")) << Error(file, kAarch64);
    EXPECT_TRUE(Has(Error(file, kAarch64), "Image for arm64")) << Error(file, kAarch64);
  }
}

TEST(Arm64Kernel, Truncated) {
  for (const std::string& file : {MakeTestImage(), MakeZboot(MakeTestImage(), kCompressions[1])}) {
    for (const size_t size : {size_t{64 + 64}, file.size() - 1}) {
      EXPECT_TRUE(Has(Error(file.substr(0, size), kAarch64), "truncated"))
          << size << Error(file.substr(0, size), kAarch64);
    }
  }
  // Cut anywhere, gzip's stream says nothing of its length.
  const std::string gzip = CompressForTest(MakeTestImage(), TestCompression::kGzip);
  for (size_t size = 2; size < gzip.size(); ++size) {
    const std::string error = Error(gzip.substr(0, size), kAarch64);
    EXPECT_TRUE(Has(error, "truncated") || Has(error, "corrupt") || Has(error, "not a kernel"))
        << size << error;
  }
}

TEST(KernelImage, OfAnotherArchitecture) {
  const std::string elf = MakeTestKernel();
  for (const std::string& file : {elf, MakeBzImage(elf, TestCompression::kXz)}) {
    EXPECT_TRUE(Has(Error(file, kAarch64), "kernel k is not for aarch64")) << Error(file, kAarch64);
  }
  EXPECT_TRUE(Has(Error(MakeTestImage()), "kernel k is not for x86_64")) << Error(MakeTestImage());
  std::string arm_elf = elf;
  arm_elf[18] = static_cast<char>(183);  // EM_AARCH64
  EXPECT_TRUE(Has(Error(arm_elf), "kernel k is not for x86_64")) << Error(arm_elf);
  EXPECT_TRUE(Has(Error(arm_elf, kAarch64), "not the Image")) << Error(arm_elf, kAarch64);
}

TEST(KernelImage, IsCachedByContent) {
  const TempDir work = *TempDir::Create();
  const std::string path = work.path() + "/vmlinuz";
  std::ofstream(path) << MakeBzImage(MakeTestKernel(), TestCompression::kLz4);
  const absl::StatusOr<KernelImage> first = PrepareKernel(path, kX86_64, work.path());
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(*ReadFile(first->path, 1 << 20), MakeTestKernel());
  EXPECT_EQ(PrepareKernel(path, kX86_64, work.path())->path, first->path);
  EXPECT_FALSE(PrepareKernel(work.path() + "/absent", kX86_64, work.path()).ok());
}

}  // namespace
}  // namespace bulkhead
