// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/aarch64/devicetree.h"

#include <gtest/gtest.h>
#include <libfdt.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "vmm/aarch64/layout.h"

namespace bulkhead {
namespace {

class Devicetree : public testing::Test {
 protected:
  void Build(const DevicetreeConfig& config) {
    const Result<uint64_t> length = BuildDevicetree(config, out());
    ASSERT_TRUE(length.ok()) << StatusName(length.status());
    ASSERT_LE(*length, layout::kDevicetreeSize);
    length_ = *length;
    ASSERT_EQ(fdt_check_header(storage_.data()), 0);
  }

  std::span<std::byte> out() { return std::as_writable_bytes(std::span(storage_)); }

  std::string Property(const char* node, const char* name) {
    const int offset = fdt_path_offset(storage_.data(), node);
    int length = 0;
    const void* value = offset < 0 ? nullptr : fdt_getprop(storage_.data(), offset, name, &length);
    if (value == nullptr) return "(none)";
    return {static_cast<const char*>(value), static_cast<size_t>(length)};
  }
  std::string Text(const char* node, const char* name) {
    std::string value = Property(node, name);
    return value.empty() || value.back() != 0 ? "(not text)" : value.substr(0, value.size() - 1);
  }
  std::vector<uint32_t> Cells(const char* node, const char* name) {
    const std::string value = Property(node, name);
    std::vector<uint32_t> cells;
    for (size_t i = 0; i + 4 <= value.size(); i += 4)
      cells.push_back(fdt32_ld(reinterpret_cast<const fdt32_t*>(value.data() + i)));
    return cells;
  }
  bool Exists(const char* node) { return fdt_path_offset(storage_.data(), node) >= 0; }

  // What dtc says about the tree; empty: it likes it.
  std::string DtcWarnings() {
    const std::string base = testing::TempDir() + "/guest";
    std::ofstream(base + ".dtb", std::ios::binary)
        .write(reinterpret_cast<const char*>(storage_.data()),
               static_cast<std::streamsize>(length_));
    const std::string command =
        "dtc -I dtb -O dts -o " + base + ".dts " + base + ".dtb 2> " + base + ".err";
    const int status = std::system(command.c_str());  // NOLINT(cert-env33-c)
    std::ifstream errors(base + ".err");
    std::string text{std::istreambuf_iterator<char>(errors), {}};
    return status == 0 ? text : "dtc failed: " + text;
  }

  std::vector<uint64_t> storage_ = std::vector<uint64_t>(layout::kDevicetreeSize / 8);
  uint64_t length_ = 0;
};

using Numbers = std::vector<uint32_t>;

TEST_F(Devicetree, WholePlatform) {
  std::vector<std::byte> random(40);
  for (size_t i = 0; i < random.size(); ++i) random[i] = static_cast<std::byte>(i + 1);
  Build({.cpus = 2,
         .ram_bytes = uint64_t{5} << 30,
         .command_line = "console=hvc0 quiet",
         .initramfs_start = 0x1'5000'0000,
         .initramfs_end = 0x1'5000'1234,
         .random = random,
         .virtio_devices = 3,
         .debug_uart = true,
         .real_time_clock = true});
  EXPECT_EQ(DtcWarnings(), "");
  EXPECT_EQ(Text("/chosen", "bootargs"), "console=hvc0 quiet");
  EXPECT_EQ(Cells("/chosen", "linux,initrd-start"), (Numbers{1, 0x5000'0000}));
  EXPECT_EQ(Cells("/chosen", "linux,initrd-end"), (Numbers{1, 0x5000'1234}));
  EXPECT_EQ(Cells("/chosen", "kaslr-seed"), (Numbers{0x01020304, 0x05060708}));
  EXPECT_EQ(Property("/chosen", "rng-seed").size(), 32u);
  EXPECT_EQ(Property("/chosen", "rng-seed")[0], 9);
  EXPECT_EQ(Text("/chosen", "stdout-path"), "/serial@9000000");
  EXPECT_TRUE(Exists("/serial@9000000"));
  EXPECT_EQ(Cells("/memory@40000000", "reg"), (Numbers{0, 0x4000'0000, 1, 0x4000'0000}));
  EXPECT_EQ(Cells("/cpus/cpu@1", "reg"), (Numbers{1}));
  EXPECT_EQ(Text("/cpus/cpu@1", "enable-method"), "psci");
  EXPECT_FALSE(Exists("/cpus/cpu@2"));
  EXPECT_EQ(Text("/psci", "method"), "hvc");
  EXPECT_EQ(Cells("/timer", "interrupts"), (Numbers{1, 13, 4, 1, 14, 4, 1, 11, 4, 1, 10, 4}));
  EXPECT_EQ(Cells("/interrupt-controller@8000000", "reg"),
            (Numbers{0, 0x0800'0000, 0, 0x1'0000, 0, 0x080a'0000, 0, 0x4'0000}));
  EXPECT_EQ(Property("/rtc@9010000", "compatible"), std::string("arm,pl031\0arm,primecell\0", 24));
  EXPECT_EQ(Cells("/rtc@9010000", "clocks"), Cells("/clock", "phandle"));
  EXPECT_EQ(Cells("/virtio_mmio@a002000", "reg"), (Numbers{0, 0x0a00'2000, 0, 0x200}));
  EXPECT_EQ(Cells("/virtio_mmio@a002000", "interrupts"), (Numbers{0, 2, 1}));
  EXPECT_EQ(Property("/virtio_mmio@a002000", "dma-coherent"), "");
  EXPECT_FALSE(Exists("/virtio_mmio@a003000"));
}

TEST_F(Devicetree, LeastPlatform) {
  Build({.ram_bytes = uint64_t{64} << 20});
  EXPECT_EQ(DtcWarnings(), "");
  EXPECT_EQ(Text("/chosen", "bootargs"), "");
  for (const char* name :
       {"linux,initrd-start", "linux,initrd-end", "rng-seed", "kaslr-seed", "stdout-path"}) {
    EXPECT_EQ(Property("/chosen", name), "(none)") << name;
  }
  EXPECT_FALSE(Exists("/serial@9000000"));
  EXPECT_FALSE(Exists("/rtc@9010000"));
  EXPECT_FALSE(Exists("/virtio_mmio@a000000"));
}

TEST_F(Devicetree, LargestFits) {
  const std::string command_line(2047, 'x');
  const std::vector<std::byte> random(72);
  Build({.cpus = layout::kMaxCpus,
         .ram_bytes = uint64_t{255} << 30,
         .command_line = command_line,
         .initramfs_start = 1,
         .initramfs_end = 2,
         .random = random,
         .virtio_devices = layout::kMaxVirtioDevices,
         .debug_uart = true,
         .real_time_clock = true});
  EXPECT_EQ(DtcWarnings(), "");
}

TEST_F(Devicetree, NoRoom) {
  const DevicetreeConfig config = {.ram_bytes = uint64_t{64} << 20};
  Build(config);
  for (uint64_t size = 0; size + 8 < length_; size += 8) {
    EXPECT_EQ(BuildDevicetree(config, out().first(size)).status(), Status::kNoMemory) << size;
  }
}

}  // namespace
}  // namespace bulkhead
