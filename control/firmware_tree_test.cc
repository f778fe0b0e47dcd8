// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "control/firmware_tree.h"

#include <gtest/gtest.h>

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "libfdt.h"

namespace bulkhead {
namespace {

using Cells = std::vector<uint32_t>;

constexpr uint32_t kItsPhandle = 3;

// What a devicetree says of a PCI host bridge; without changes, like QEMU's "virt". A property
// without cells is left out.
struct Bridge {
  Cells parent_cells = {2, 2};  // #address-cells and #size-cells around it
  Cells cells = {3, 2};
  Cells reg = {0x40, 0x10000000, 0, 0x10000000};
  Cells bus_range = {0, 0xff};
  Cells ranges = {0x01000000, 0,    0,          0,    0x3eff0000, 0,    0x10000,     // I/O
                  0x02000000, 0,    0x10000000, 0,    0x10000000, 0,    0x2eff0000,  // 32-bit
                  0x03000000, 0x80, 0,          0x80, 0,          0x80, 0};          // 64-bit
  Cells msi_map = {0, kItsPhandle, 0, 0x10000};
  Cells msi_map_mask = {};
  Cells msi_parent = {};
  const char* compatible = "pci-host-ecam-generic";
  const char* status = nullptr;
  const char* its_compatible = "arm,gic-v3-its";
  bool coherent = true;
  bool on_bus = false;  // below a simple-bus
  bool bus_translates = false;
};

// Builds devicetrees.
class Tree {
 public:
  Tree() : blob_(kBytes) {
    fdt_create(blob(), kBytes * sizeof(uint64_t));
    fdt_finish_reservemap(blob());
    fdt_begin_node(blob(), "");
  }

  void Put(const char* name, const Cells& cells) {
    std::vector<fdt32_t> value;
    for (const uint32_t cell : cells) value.push_back(cpu_to_fdt32(cell));
    if (!cells.empty())
      fdt_property(blob(), name, value.data(), static_cast<int>(cells.size() * 4));
  }
  void PutText(const char* name, const char* text) {
    if (text != nullptr) fdt_property_string(blob(), name, text);
  }
  void PutBytes(const char* name, std::string_view bytes) {
    fdt_property(blob(), name, bytes.data(), static_cast<int>(bytes.size()));
  }
  void Node(const char* name, const std::function<void()>& content) {
    fdt_begin_node(blob(), name);
    content();
    fdt_end_node(blob());
  }
  void Add(const Bridge& bridge, const char* name = "pcie@10000000") {
    const auto put = [&] {
      Node(name, [&] {
        PutText("compatible", bridge.compatible);
        PutText("status", bridge.status);
        if (!bridge.cells.empty()) {
          Put("#address-cells", {bridge.cells[0]});
          Put("#size-cells", {bridge.cells[1]});
        }
        Put("reg", bridge.reg);
        Put("bus-range", bridge.bus_range);
        Put("ranges", bridge.ranges);
        Put("msi-map", bridge.msi_map);
        Put("msi-map-mask", bridge.msi_map_mask);
        Put("msi-parent", bridge.msi_parent);
        if (bridge.coherent) PutBytes("dma-coherent", "");
      });
    };
    const auto put_cells = [&] {
      Put("#address-cells", {bridge.parent_cells[0]});
      Put("#size-cells", {bridge.parent_cells[1]});
    };
    if (!bridge.on_bus) put_cells();
    Node("its", [&] {
      PutText("compatible", bridge.its_compatible);
      Put("phandle", {kItsPhandle});
    });
    if (!bridge.on_bus) return put();
    Node("soc", [&] {
      put_cells();
      PutBytes("ranges", bridge.bus_translates ? std::string_view("12345678") : "");
      put();
    });
  }
  std::span<const std::byte> Finish() {
    fdt_end_node(blob());
    EXPECT_EQ(fdt_finish(blob()), 0);
    return {reinterpret_cast<const std::byte*>(blob_.data()), fdt_totalsize(blob())};
  }

 private:
  static constexpr size_t kBytes = 1024;  // in 8-byte words, for the alignment
  void* blob() { return blob_.data(); }
  std::vector<uint64_t> blob_;
};

std::string TextOf(const FirmwareTreeError& error) {
  Text<> text;
  text << error;
  return std::string(text.view());
}

struct Answer {
  FirmwareTreeError error;
  PciHost host;
};
Answer Read(const Bridge& bridge) {
  Tree tree;
  tree.Add(bridge);
  FirmwareTree firmware;
  Answer answer;
  answer.error = FirmwareTree::Open(tree.Finish(), firmware);
  if (answer.error.ok()) answer.error = firmware.ReadPciHost(answer.host);
  return answer;
}

// The bridge with one change, and what must be said about it.
void ExpectBad(const char* property, const std::function<void(Bridge&)>& change) {
  Bridge bridge;
  change(bridge);
  const Answer answer = Read(bridge);
  EXPECT_EQ(TextOf(answer.error),
            "devicetree: PCI host bridge: bad property '" + std::string(property) + "'");
}

TEST(FirmwareTreeTest, QemuVirt) {
  const Answer answer = Read({});
  ASSERT_EQ(TextOf(answer.error), "devicetree: no error");
  EXPECT_EQ(answer.host.ecam, HostPhysical{0x4010000000});
  EXPECT_EQ(answer.host.first_bus, 0);
  EXPECT_EQ(answer.host.last_bus, 255);
  const auto windows = answer.host.windows();
  ASSERT_EQ(windows.size(), 2U);
  EXPECT_EQ(windows[0].bus_address, 0x10000000U);
  EXPECT_EQ(windows[0].start, HostPhysical{0x10000000});
  EXPECT_EQ(windows[0].length, 0x2eff0000U);
  EXPECT_FALSE(windows[0].prefetchable);
  EXPECT_EQ(windows[1].bus_address, uint64_t{0x80} << 32);
  EXPECT_EQ(windows[1].length, uint64_t{0x80} << 32);
  EXPECT_EQ(*answer.host.MsiDevice(0x18), 0x18U);
  EXPECT_EQ(answer.host.MsiDevice(0x10000).status(), Status::kNotFound);
}

TEST(FirmwareTreeTest, OtherMachines) {
  Bridge bridge;
  bridge.parent_cells = {1, 1};
  bridge.reg = {0x30000000, 0x800000};
  bridge.bus_range = {2, 5};
  bridge.ranges = {0x42000000, 0, 0x80000000, 0x50000000, 0, 0x10000000};
  bridge.msi_map = {0x200, kItsPhandle, 0x10, 0x100, 0x300, kItsPhandle, 0x400, 0x100};
  bridge.msi_map_mask = {0xffff};
  bridge.on_bus = true;
  const Answer answer = Read(bridge);
  ASSERT_EQ(TextOf(answer.error), "devicetree: no error");
  EXPECT_EQ(answer.host.ecam, HostPhysical{0x30000000 - 0x200000}) << "reg is of the first bus";
  EXPECT_EQ(answer.host.first_bus, 2);
  EXPECT_EQ(answer.host.last_bus, 5);
  ASSERT_EQ(answer.host.windows().size(), 1U);
  EXPECT_EQ(answer.host.windows()[0].bus_address, 0x80000000U);
  EXPECT_EQ(answer.host.windows()[0].start, HostPhysical{0x50000000});
  EXPECT_TRUE(answer.host.windows()[0].prefetchable);
  EXPECT_EQ(*answer.host.MsiDevice(0x210), 0x20U);
  EXPECT_EQ(*answer.host.MsiDevice(0x301), 0x401U);
}

TEST(FirmwareTreeTest, WithoutOptionalProperties) {
  Bridge bridge;
  bridge.bus_range = {};
  bridge.msi_map = {};
  bridge.msi_parent = {kItsPhandle};
  const Answer answer = Read(bridge);
  ASSERT_EQ(TextOf(answer.error), "devicetree: no error");
  EXPECT_EQ(answer.host.last_bus, 255);
  EXPECT_EQ(*answer.host.MsiDevice(0x18), 0x18U);
}

TEST(FirmwareTreeTest, BadProperties) {
  ExpectBad("reg", [](Bridge& b) { b.reg = {}; });
  ExpectBad("reg", [](Bridge& b) { b.reg = {0x40, 0x10000000, 0}; });
  ExpectBad("reg", [](Bridge& b) { b.reg[1] = 0x10000; });
  ExpectBad("reg", [](Bridge& b) { b.reg[0] = 0xffffffff; });
  ExpectBad("reg", [](Bridge& b) { b.reg[3] = 0x1000000; });
  ExpectBad("reg", [](Bridge& b) {
    b.reg = {0, 0x100000, 0, 0x10000000};
    b.bus_range = {2, 2};
  });
  ExpectBad("bus-range", [](Bridge& b) { b.bus_range = {1}; });
  ExpectBad("bus-range", [](Bridge& b) { b.bus_range = {2, 1}; });
  ExpectBad("bus-range", [](Bridge& b) { b.bus_range = {0, 256}; });
  ExpectBad("bus-range", [](Bridge& b) {
    b.bus_range = {};
    b.reg[3] = 0x1000;
  });
  ExpectBad("reg", [](Bridge& b) { b.parent_cells = {3, 2}; });
  ExpectBad("#address-cells", [](Bridge& b) { b.cells = {2, 2}; });
  ExpectBad("ranges", [](Bridge& b) { b.ranges = {}; });
  ExpectBad("ranges", [](Bridge& b) { b.ranges.pop_back(); });
  ExpectBad("ranges", [](Bridge& b) { b.ranges.resize(7); });         // I/O only
  ExpectBad("ranges", [](Bridge& b) { b.ranges[13] = 0; });           // empty
  ExpectBad("ranges", [](Bridge& b) { b.ranges[15] = 0xffffffff; });  // wraps on the bus
  ExpectBad("ranges", [](Bridge& b) { b.ranges[17] = 0xffffffff; });  // no such memory
  ExpectBad("ranges", [](Bridge& b) {
    for (int i = 0; i < 4; ++i)
      b.ranges.insert(b.ranges.end(), {0x02000000, 0, 0x100000U * i, 0, 0, 0, 0x100000});
  });
  ExpectBad("msi-map", [](Bridge& b) { b.msi_map.pop_back(); });
  ExpectBad("msi-map", [](Bridge& b) { b.msi_map[3] = 0xffffffff, b.msi_map[0] = 1; });
  ExpectBad("msi-map", [](Bridge& b) { b.msi_map.insert(b.msi_map.end(), {0x10000, 9, 0, 1}); });
  ExpectBad("msi-map-mask", [](Bridge& b) { b.msi_map_mask = {0xff00}; });
  ExpectBad("msi-parent", [](Bridge& b) { b.msi_map = {}, b.msi_parent = {kItsPhandle, 0, 0}; });
}

TEST(FirmwareTreeTest, BridgesThatAreNotSupported) {
  Bridge bridge;
  bridge.coherent = false;
  EXPECT_EQ(Read(bridge).error.kind, FirmwareTreeErrorKind::kNotCoherent);
  bridge = {.on_bus = true, .bus_translates = true};
  EXPECT_EQ(Read(bridge).error.kind, FirmwareTreeErrorKind::kNoTranslation);
  bridge = {.compatible = "vendor,pcie"};
  EXPECT_EQ(Read(bridge).error.kind, FirmwareTreeErrorKind::kNoPciHost);
  bridge = {.its_compatible = "arm,gic-v2m-frame"};
  EXPECT_EQ(Read(bridge).error.kind, FirmwareTreeErrorKind::kNoMessages);
  bridge = {.msi_map = {0, 77, 0, 0x10000}};
  EXPECT_EQ(Read(bridge).error.kind, FirmwareTreeErrorKind::kNoMessages);
  bridge = {.msi_map = {}};
  EXPECT_EQ(Read(bridge).error.kind, FirmwareTreeErrorKind::kNoMessages);
  bridge.msi_parent = {77};
  EXPECT_EQ(Read(bridge).error.kind, FirmwareTreeErrorKind::kNoMessages);
  bridge = {.status = "disabled"};
  EXPECT_EQ(Read(bridge).error.kind, FirmwareTreeErrorKind::kNoPciHost);
  bridge = {.status = "okay"};
  EXPECT_EQ(Read(bridge).error.kind, FirmwareTreeErrorKind::kNone);
}

TEST(FirmwareTreeTest, Seeds) {
  for (const auto& [rng, kaslr, expected] :
       {std::tuple{"0123456789abcdef", "12345678", "0123456789abcdef"},
        {"", "12345678", "12345678"},
        {"", "", ""}}) {
    Tree tree;
    tree.Node("chosen", [&] {
      if (*rng != 0) tree.PutBytes("rng-seed", rng);
      if (*kaslr != 0) tree.PutBytes("kaslr-seed", kaslr);
    });
    FirmwareTree firmware;
    ASSERT_TRUE(FirmwareTree::Open(tree.Finish(), firmware).ok());
    const auto seed = firmware.Seed();
    EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(seed.data()), seed.size()), expected);
  }
  Tree empty;
  FirmwareTree firmware;
  ASSERT_TRUE(FirmwareTree::Open(empty.Finish(), firmware).ok());
  EXPECT_TRUE(firmware.Seed().empty());
}

TEST(FirmwareTreeTest, NoTree) {
  Tree tree;
  tree.Add({});
  const auto bytes = tree.Finish();
  FirmwareTree firmware;
  const auto kind = [&](std::span<const std::byte> what) {
    return FirmwareTree::Open(what, firmware).kind;
  };
  EXPECT_EQ(kind(bytes), FirmwareTreeErrorKind::kNone);
  EXPECT_EQ(kind({}), FirmwareTreeErrorKind::kBadFormat);
  EXPECT_EQ(kind(bytes.first(20)), FirmwareTreeErrorKind::kBadFormat);
  EXPECT_EQ(kind(bytes.first(bytes.size() - 1)), FirmwareTreeErrorKind::kBadFormat);
  EXPECT_EQ(kind(bytes.subspan(1)), FirmwareTreeErrorKind::kBadFormat);
  std::vector<uint64_t> zeros(100);
  EXPECT_EQ(kind(std::as_bytes(std::span(zeros))), FirmwareTreeErrorKind::kBadFormat);
}

}  // namespace
}  // namespace bulkhead
