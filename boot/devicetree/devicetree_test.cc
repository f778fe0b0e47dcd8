// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/devicetree/devicetree.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/format.h"
#include "boot/devicetree/handover.h"
#include "tests/harness/files.h"

namespace bulkhead {
namespace {

// A compiled tree, aligned as loaders align it.
class Blob {
 public:
  explicit Blob(std::string_view source) {
    const TempDirectory directory;
    WriteFileOrDie(directory / "dts", source);
    const std::string command =
        "dtc -q -I dts -O dtb -o '" + (directory / "dtb") + "' '" + (directory / "dts") + "'";
    EXPECT_EQ(std::system(command.c_str()), 0);
    Set(ReadFileOrDie(directory / "dtb"));
  }

  void Set(std::string_view bytes) {
    size_ = bytes.size();
    words_.assign(size_ / 8 + 1, 0);
    std::memcpy(words_.data(), bytes.data(), size_);
  }

  std::span<const std::byte> bytes() const { return std::as_bytes(std::span(words_)).first(size_); }
  std::string text() const { return {reinterpret_cast<const char*>(words_.data()), size_}; }

 private:
  std::vector<uint64_t> words_;
  size_t size_ = 0;
};

const char* Phrase(const char* wrong) { return wrong == nullptr ? "nothing" : wrong; }

class DevicetreeTest : public testing::Test {
 protected:
  // Opens what these nodes of a root with 2 address and 2 size cells make.
  void Open(std::string_view nodes, std::string_view before = "") {
    blob_.emplace("/dts-v1/;\n" + std::string(before) +
                  "/ { #address-cells = <2>; #size-cells = <2>;\n" + std::string(nodes) + "};\n");
    ASSERT_STREQ(Phrase(Devicetree::Open(blob_->bytes(), tree_)), "nothing");
  }

  std::string Memory() {
    std::array<MemoryRegion, 8> ranges;
    size_t count = 0;
    if (const char* wrong = tree_.ReadMemory(ranges, count)) return wrong;
    Text<> text;
    for (const MemoryRegion& range : std::span(ranges).first(count)) {
      text << Hex{range.start} << '+' << Hex{range.length}
           << (range.kind == MemoryKind::kUsable ? " usable;" : " reserved;");
    }
    return std::string(text.view());
  }

  std::string Serial() {
    SerialKind kind = SerialKind::kPort16550;
    uint64_t address = 1;
    if (const char* wrong = tree_.ReadSerial(kind, address)) return wrong;
    if (kind == SerialKind::kNone) return "none";
    Text<> text;
    text << Hex{address};
    return std::string(text.view());
  }

  std::optional<Blob> blob_;
  Devicetree tree_;
};

constexpr char kGic[] = R"(
  intc@8000000 {
    compatible = "arm,gic-v3"; interrupt-controller; #interrupt-cells = <3>;
    #address-cells = <2>; #size-cells = <2>; ranges;
    reg = <0 0x8000000 0 0x10000>, <0 0x80a0000 0 0xf60000>;
    interrupts = <1 9 4>;
    its@8080000 { compatible = "arm,gic-v3-its"; reg = <0 0x8080000 0 0x20000>; };
  };)";
constexpr char kTimer[] = R"(
  timer { compatible = "arm,armv8-timer", "arm,armv7-timer";
          interrupts = <1 13 4>, <1 14 4>, <1 11 4>, <1 10 4>; };)";
constexpr char kMemory[] = R"(
  memory@40000000 { device_type = "memory"; reg = <0 0x40000000 0 0x20000000>; };)";

std::string Replace(std::string text, std::string_view from, std::string_view to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST_F(DevicetreeTest, ReadsMemoryAndWhatIsReserved) {
  Open(R"(
    memory@40000000 { device_type = "memory"; reg = <0 0x40000000 0 0x20000000>,
                                                    <8 0 0 0x1000>, <9 0 0 0>; };
    memory@100000000 { device_type = "memory"; reg = <1 0 1 0>; status = "okay"; };
    memory@200000000 { device_type = "memory"; reg = <2 0 1 0>; status = "disabled"; };
    not-memory@0 { reg = <3 0 1 0>; };
    reserved-memory { #address-cells = <2>; #size-cells = <2>; ranges;
      secure@50000000 { reg = <0 0x50000000 0 0x100000>; no-map; };
      pool { size = <0 0x100000>; };
    };)",
       "/memreserve/ 0x41000000 0x5000;\n");
  EXPECT_EQ(Memory(),
            "0x40000000+0x20000000 usable;0x800000000+0x1000 usable;"
            "0x100000000+0x100000000 usable;0x50000000+0x100000 reserved;"
            "0x41000000+0x5000 reserved;");
}

TEST_F(DevicetreeTest, RefusesBadMemory) {
  Open("");
  EXPECT_EQ(Memory(), "the devicetree has no memory");
  Open(R"(memory@0 { device_type = "memory"; reg = <0 0x40000000 0>; };)");
  EXPECT_EQ(Memory(), "the devicetree has no memory");
  Open(R"(memory@0 { device_type = "memory"; reg = <0xffffffff 0x40000000 1 0>; };)");
  EXPECT_EQ(Memory(), "the devicetree has a bad memory range");
  Open(R"(memory@0 { device_type = "memory"; reg = <0 0 0 1>, <0 4 0 1>, <0 8 0 1>, <0 12 0 1>,
            <0 16 0 1>, <0 20 0 1>, <0 24 0 1>, <0 28 0 1>, <0 32 0 1>; };)");
  EXPECT_EQ(Memory(), "the devicetree has too many memory ranges");
}

TEST_F(DevicetreeTest, ReadsWhatWasChosen) {
  Devicetree::Chosen chosen;
  Open("");
  EXPECT_EQ(tree_.ReadChosen(chosen), nullptr);
  EXPECT_EQ(chosen.initrd_length, 0u);
  EXPECT_EQ(chosen.command_line, "");
  Open(R"(chosen { bootargs = "log=all pods=1"; linux,initrd-start = <0x48000000>;
                   linux,initrd-end = <0 0x48001234>; };)");
  EXPECT_EQ(tree_.ReadChosen(chosen), nullptr);
  EXPECT_EQ(chosen.command_line, "log=all pods=1");
  EXPECT_EQ(chosen.initrd, 0x48000000u);
  EXPECT_EQ(chosen.initrd_length, 0x1234u);
  for (const char* bad : {"linux,initrd-start = <4096>;", "linux,initrd-end = <4096>;",
                          "linux,initrd-start = <4096>; linux,initrd-end = <0>;",
                          "linux,initrd-start = <4096>; linux,initrd-end = <0 0 8192>;",
                          "linux,initrd-start = [10 00]; linux,initrd-end = <8192>;"}) {
    Open("chosen {" + std::string(bad) + "};");
    EXPECT_STREQ(Phrase(tree_.ReadChosen(chosen)),
                 "the devicetree does not say where the bundle is");
  }
}

TEST_F(DevicetreeTest, FindsTheUart) {
  const std::string uarts = R"(
    uart@1000 { compatible = "arm,pl011"; reg = <0 0x1000 0 0x1000>; status = "disabled"; };
    uart@2000 { compatible = "arm,pl011", "arm,primecell"; reg = <0 0x2000 0 0x1000>; };
    uart@3000 { compatible = "arm,sbsa-uart"; reg = <0 0x3000 0 0x1000>; };
    uart@4000 { compatible = "ns16550a"; reg = <0 0x4000 0 0x1000>; };)";
  const std::string aliases = R"(aliases { serial0 = "/uart@3000"; };)";
  Open("");
  EXPECT_EQ(Serial(), "none");
  Open(uarts);
  EXPECT_EQ(Serial(), "0x2000");
  Open(uarts + R"(chosen { stdout-path = "/uart@3000"; };)");
  EXPECT_EQ(Serial(), "0x3000");
  Open(uarts + R"(chosen { stdout-path = "/uart@3000:115200n8"; };)");
  EXPECT_EQ(Serial(), "0x3000");
  Open(uarts + aliases + R"(chosen { stdout-path = "serial0:115200"; };)");
  EXPECT_EQ(Serial(), "0x3000");
  for (const char* other : {"/uart@1000", "/uart@4000", "/nothing", "serial7", "", ":"}) {
    Open(uarts + "chosen { stdout-path = \"" + other + "\"; };");
    EXPECT_EQ(Serial(), "0x2000") << other;
  }
  Open(R"(uart@2000 { compatible = "arm,pl011"; reg = <0 0x2000>; };)");
  EXPECT_EQ(Serial(), "the devicetree has a bad serial port");
}

TEST_F(DevicetreeTest, TranslatesAddressesOfBuses) {
  const std::string uart = R"(uart@100 { compatible = "arm,pl011"; reg = <0x100 0x100>; };)";
  const auto soc = [&uart](std::string_view ranges) {
    return "soc { #address-cells = <1>; #size-cells = <1>; " + std::string(ranges) +
           "bus { #address-cells = <1>; #size-cells = <1>; ranges = <0 0x10000 0x1000>; " + uart +
           "}; };";
  };
  Open(soc("ranges;"));
  EXPECT_EQ(Serial(), "0x10100");
  Open(soc("ranges = <0 1 0 0x8000>, <0x10000 9 0x40000000 0x1000>;"));
  EXPECT_EQ(Serial(), "0x940000100");
  Open(soc("ranges = <0 1 0 0x10180>;"));
  EXPECT_EQ(Serial(), "the devicetree has a bad serial port") << "half of it is not shown";
  Open(soc(""));
  EXPECT_EQ(Serial(), "the devicetree has a bad serial port") << "a bus of its own";
}

TEST_F(DevicetreeTest, ReadsTheInterruptController) {
  GicInfo gic;
  Open(std::string(kGic) + kTimer);
  ASSERT_STREQ(Phrase(tree_.ReadGic(gic)), "nothing");
  EXPECT_EQ(gic.distributor, 0x8000000u);
  EXPECT_EQ(gic.its, 0x8080000u);
  ASSERT_EQ(gic.redistributor_count, 1u);
  EXPECT_EQ(gic.redistributors[0].start, 0x80a0000u);
  EXPECT_EQ(gic.redistributors[0].length, 0xf60000u);
  EXPECT_EQ(gic.maintenance_interrupt, 25u);
  EXPECT_EQ(gic.virtual_timer_interrupt, 27u);
  EXPECT_EQ(gic.physical_timer_interrupt, 30u);
  EXPECT_EQ(gic.hypervisor_timer_interrupt, 26u);
}

TEST_F(DevicetreeTest, ReadsTimersByName) {
  GicInfo gic;
  Open(std::string(kGic) + Replace(kTimer, "interrupts = <1 13 4>, <1 14 4>, <1 11 4>, <1 10 4>;",
                                   R"(interrupts = <1 14 4>, <1 11 4>, <1 10 4>, <1 12 4>;
                            interrupt-names = "phys", "virt", "hyp-phys", "hyp-virt";)"));
  ASSERT_STREQ(Phrase(tree_.ReadGic(gic)), "nothing");
  EXPECT_EQ(gic.virtual_timer_interrupt, 27u);
  EXPECT_EQ(gic.physical_timer_interrupt, 30u);
  EXPECT_EQ(gic.hypervisor_timer_interrupt, 26u);
}

TEST_F(DevicetreeTest, ReadsSeveralRedistributorRegions) {
  GicInfo gic;
  Open(Replace(
           Replace(kGic, "<0 0x80a0000 0 0xf60000>", "<0 0x80a0000 0 0xf60000>, <1 0 0 0x20000>"),
           "ranges;", "ranges; #redistributor-regions = <2>;") +
       kTimer);
  ASSERT_STREQ(Phrase(tree_.ReadGic(gic)), "nothing");
  ASSERT_EQ(gic.redistributor_count, 2u);
  EXPECT_EQ(gic.redistributors[1].start, 0x100000000u);
  EXPECT_EQ(gic.redistributors[1].length, 0x20000u);
}

TEST_F(DevicetreeTest, SaysWhatIsWrongWithTheInterruptController) {
  const auto wrong = [this](const std::string& nodes) {
    GicInfo gic;
    Open(nodes);
    return std::string(Phrase(tree_.ReadGic(gic)));
  };
  constexpr char kBad[] = "the devicetree has a bad interrupt controller";
  EXPECT_EQ(wrong(""), "nothing");
  EXPECT_EQ(wrong(Replace(kGic, "gic-v3", "gic-400")), "nothing");
  EXPECT_EQ(wrong(kGic), "the devicetree has no timer");
  EXPECT_EQ(wrong(Replace(kGic, "interrupts = <1 9 4>;", "")),
            "the interrupt controller has no maintenance interrupt");
  EXPECT_EQ(wrong(Replace(kGic, "interrupts = <1 9 4>;", "interrupts = <0 9 4>;")),
            "the interrupt controller has no maintenance interrupt");
  EXPECT_EQ(wrong(Replace(kGic, "#interrupt-cells = <3>", "#interrupt-cells = <1>")), kBad);
  EXPECT_EQ(wrong(Replace(kGic, ", <0 0x80a0000 0 0xf60000>", "")), kBad);
  EXPECT_EQ(wrong(Replace(kGic, "ranges;", "ranges; #redistributor-regions = <2>;")), kBad);
  EXPECT_EQ(wrong(Replace(kGic, "ranges;", "ranges; #redistributor-regions = <0>;")), kBad);
  EXPECT_EQ(wrong(Replace(kGic, "ranges;", "ranges; #redistributor-regions = <9>;")),
            "the devicetree has too many redistributor regions");
  EXPECT_EQ(wrong(Replace(kGic, "ranges;", "")), kBad) << "an ITS that cannot be reached";
  constexpr char kBadTimer[] = "the devicetree has a bad timer";
  EXPECT_EQ(wrong(std::string(kGic) + Replace(kTimer, "<1 10 4>", "<1 16 4>")), kBadTimer);
  EXPECT_EQ(wrong(std::string(kGic) + Replace(kTimer, ", <1 10 4>", "")), kBadTimer);
}

TEST_F(DevicetreeTest, FindsTheClockAndHowPowerIsControlled) {
  Open("");
  EXPECT_EQ(tree_.FindClock(), 0u);
  EXPECT_FALSE(tree_.PsciByHvc());
  Open(R"(rtc@9010000 { compatible = "arm,pl031", "arm,primecell"; reg = <0 0x9010000 0 0x1000>; };
          psci { compatible = "arm,psci-1.0", "arm,psci-0.2"; method = "hvc"; };)");
  EXPECT_EQ(tree_.FindClock(), 0x9010000u);
  EXPECT_TRUE(tree_.PsciByHvc());
  Open(R"(psci { compatible = "arm,psci-0.2"; method = "smc"; };)");
  EXPECT_FALSE(tree_.PsciByHvc());
}

TEST_F(DevicetreeTest, RefusesWhatIsNoTree) {
  Open(kMemory);
  const std::string good = blob_->text();
  Devicetree tree;
  for (size_t size = 0; size < good.size(); ++size) {
    blob_->Set(good.substr(0, size));
    EXPECT_NE(Devicetree::Open(blob_->bytes(), tree), nullptr) << size;
  }
  blob_->Set("x" + good);
  EXPECT_STREQ(Devicetree::Open(blob_->bytes().subspan(1), tree), "the devicetree is not aligned");
  blob_->Set(std::string(64, '\0'));
  EXPECT_STREQ(Devicetree::Open(blob_->bytes(), tree),
               "no devicetree was given, or it is longer than 2 MiB");
  EXPECT_EQ(Devicetree::LengthOf(blob_->bytes().data()), 0u);
  blob_->Set(good + std::string(100, 'x'));
  EXPECT_EQ(Devicetree::Open(blob_->bytes(), tree), nullptr);
  EXPECT_EQ(Devicetree::LengthOf(blob_->bytes().data()), good.size());
}

TEST_F(DevicetreeTest, BecomesABootInfo) {
  Open(std::string(kGic) + kTimer + kMemory + R"(
    uart@9000000 { compatible = "arm,pl011"; reg = <0 0x9000000 0 0x1000>; };
    chosen { bootargs = "a b"; linux,initrd-start = <0x48000000>;
             linux,initrd-end = <0x48001001>; };)");
  DevicetreeHandover handover = {.tree = tree_,
                                 .tree_physical = 0x4a000000,
                                 .tree_length = blob_->bytes().size(),
                                 .image_physical = 0x40200000,
                                 .image_length = 0x27000};
  BootInfo info;
  ASSERT_STREQ(Phrase(MakeBootInfo(handover, info)), "nothing");
  EXPECT_EQ(info.magic, kBootInfoMagic);
  EXPECT_EQ(info.serial_kind, SerialKind::kPl011);
  EXPECT_EQ(info.serial_address, 0x9000000u);
  EXPECT_EQ(info.bundle_physical, 0x48000000u);
  EXPECT_EQ(info.bundle_length, 0x1001u);
  EXPECT_EQ(info.devicetree, 0x4a000000u);
  EXPECT_EQ(info.devicetree_length, blob_->bytes().size());
  EXPECT_EQ(info.acpi_rsdp, 0u);
  EXPECT_EQ(info.gic.distributor, 0x8000000u);
  EXPECT_STREQ(info.command_line, "a b");
  ASSERT_EQ(info.region_count, 7u);
  EXPECT_EQ(info.regions[1].start, 0x40200000u);
  EXPECT_EQ(info.regions[1].kind, MemoryKind::kLoader);
  EXPECT_EQ(info.regions[3].start, 0x48000000u);
  EXPECT_EQ(info.regions[3].length, 0x2000u);
  EXPECT_EQ(info.regions[5].start, 0x4a000000u);
  EXPECT_EQ(info.regions[5].length, 0x1000u);
  EXPECT_EQ(info.regions[6].start + info.regions[6].length, 0x60000000u);
}

TEST_F(DevicetreeTest, RefusesABadBundleOrCommandLine) {
  BootInfo info;
  Open(std::string(kMemory) + "chosen { linux,initrd-start = <4>; linux,initrd-end = <8>; };");
  EXPECT_STREQ(MakeBootInfo({.tree = tree_}, info), "the bundle is not page-aligned");
  Open(std::string(kMemory) + "chosen { bootargs = \"" + std::string(1024, 'x') + "\"; };");
  EXPECT_STREQ(MakeBootInfo({.tree = tree_}, info), "the command line is too long");
}

}  // namespace
}  // namespace bulkhead
