// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/aarch64/devicetree.h"

#include <libfdt.h>

#include <algorithm>
#include <array>

#include "base/format.h"
#include "vmm/aarch64/layout.h"

namespace bulkhead {
namespace {

constexpr uint32_t kGicPhandle = 1;
constexpr uint32_t kClockPhandle = 2;

// Cells of an interrupt (bindings/interrupt-controller/arm,gic-v3.yaml).
constexpr uint32_t kSharedInterrupt = 0;
constexpr uint32_t kPrivateInterrupt = 1;
constexpr uint32_t kFirstPpi = 16;
constexpr uint32_t kEdgeRising = 1;
constexpr uint32_t kLevelHigh = 4;

// A tree under construction, written front to back. The first error stays; later calls do nothing.
class TreeWriter {
 public:
  explicit TreeWriter(std::span<std::byte> out) : tree_(out.data()) {
    Keep(fdt_create(tree_, static_cast<int>(out.size())));
    Keep(fdt_finish_reservemap(tree_));
  }

  void Begin(const char* name) { Keep(fdt_begin_node(tree_, name)); }
  void Begin(std::string_view name, uint64_t address) {
    std::array<char, 64> storage = {};  // a zero ends the name
    TextWriter text(storage.data(), storage.size() - 1);
    Text<32> unit;
    unit << Hex{address};
    text << name << '@' << unit.view().substr(2);  // without prefix
    Begin(storage.data());
  }
  void End() { Keep(fdt_end_node(tree_)); }

  void Bytes(const char* name, const void* data, size_t size) {
    Keep(fdt_property(tree_, name, data, static_cast<int>(size)));
  }
  void Flag(const char* name) { Bytes(name, "", 0); }
  void Strings(const char* name, std::string_view with_nuls) {
    Bytes(name, with_nuls.data(), with_nuls.size());
  }
  void String(const char* name, std::string_view text) {
    void* to = nullptr;
    Keep(fdt_property_placeholder(tree_, name, static_cast<int>(text.size() + 1), &to));
    if (error_ != 0) return;
    *std::ranges::copy(text, static_cast<char*>(to)).out = 0;
  }
  void Cell(const char* name, uint32_t value) { Keep(fdt_property_u32(tree_, name, value)); }
  void Wide(const char* name, uint64_t value) { Keep(fdt_property_u64(tree_, name, value)); }
  template <size_t kCount>
  void Cells(const char* name, std::array<uint32_t, kCount> values) {
    for (uint32_t& value : values) value = cpu_to_fdt32(value);
    Bytes(name, values.data(), sizeof(values));
  }
  // Addresses and sizes, two cells each.
  template <size_t kCount>
  void Wides(const char* name, std::array<uint64_t, kCount> values) {
    for (uint64_t& value : values) value = cpu_to_fdt64(value);
    Bytes(name, values.data(), sizeof(values));
  }

  Result<uint64_t> Finish() {
    Keep(fdt_finish(tree_));
    if (error_ == -FDT_ERR_NOSPACE) return Status::kNoMemory;
    if (error_ != 0) return Status::kInvalidArgument;
    return uint64_t{fdt_totalsize(tree_)};
  }

 private:
  void Keep(int error) {
    if (error_ == 0) error_ = error;
  }

  void* tree_;
  int error_ = 0;
};

void AddChosen(TreeWriter& tree, const DevicetreeConfig& config) {
  tree.Begin("chosen");
  tree.String("bootargs", config.command_line);
  if (config.initramfs_start != 0) {
    tree.Wide("linux,initrd-start", config.initramfs_start);
    tree.Wide("linux,initrd-end", config.initramfs_end);
  }
  constexpr size_t kKaslrSeed = sizeof(uint64_t);
  if (config.random.size() > kKaslrSeed) {
    tree.Bytes("kaslr-seed", config.random.data(), kKaslrSeed);
    const auto seed = config.random.subspan(kKaslrSeed);
    tree.Bytes("rng-seed", seed.data(), seed.size());
  }
  if (config.debug_uart) tree.Strings("stdout-path", std::string_view("/serial@9000000\0", 16));
  static_assert(layout::kDebugUartBase == 0x9000000);
  tree.End();
}

void AddProcessors(TreeWriter& tree, uint32_t cpus) {
  tree.Begin("cpus");
  tree.Cell("#address-cells", 1);
  tree.Cell("#size-cells", 0);
  for (uint32_t cpu = 0; cpu < cpus; ++cpu) {
    tree.Begin("cpu", cpu);
    tree.String("device_type", "cpu");
    tree.String("compatible", "arm,armv8");
    tree.String("enable-method", "psci");
    tree.Cell("reg", cpu);
    tree.End();
  }
  tree.End();

  tree.Begin("psci");
  tree.Strings("compatible", std::string_view("arm,psci-1.0\0arm,psci-0.2\0", 26));
  tree.String("method", "hvc");
  tree.End();
}

void AddTimer(TreeWriter& tree) {
  const auto ppi = [](uint32_t intid) { return intid - kFirstPpi; };
  tree.Begin("timer");
  tree.String("compatible", "arm,armv8-timer");
  tree.Cells<12>("interrupts", {kPrivateInterrupt, ppi(layout::kSecureTimerPpi), kLevelHigh,    //
                                kPrivateInterrupt, ppi(layout::kPhysicalTimerPpi), kLevelHigh,  //
                                kPrivateInterrupt, ppi(layout::kVirtualTimerPpi), kLevelHigh,   //
                                kPrivateInterrupt, ppi(layout::kHypervisorTimerPpi), kLevelHigh});
  tree.Flag("always-on");
  tree.End();
}

void AddInterruptController(TreeWriter& tree, uint32_t cpus) {
  tree.Begin("interrupt-controller", layout::kGicdBase);
  tree.String("compatible", "arm,gic-v3");
  tree.Flag("interrupt-controller");
  tree.Cell("#interrupt-cells", 3);
  tree.Cell("#address-cells", 0);
  tree.Wides<4>(
      "reg", {layout::kGicdBase, layout::kGicdSize, layout::kGicrBase, cpus * layout::kGicrStride});
  tree.Cell("phandle", kGicPhandle);
  tree.End();
}

// Without "arm,primecell" nothing but an early console (`earlycon`) takes it: it has no interrupt
// and no clock, and its identification registers read as zero.
void AddDebugUart(TreeWriter& tree) {
  tree.Begin("serial", layout::kDebugUartBase);
  tree.String("compatible", "arm,pl011");
  tree.Wides<2>("reg", {layout::kDebugUartBase, layout::kDebugUartSize});
  tree.End();
}

// Linux asks every "arm,primecell" for the clock of its bus.
void AddRealTimeClock(TreeWriter& tree) {
  tree.Begin("clock");
  tree.String("compatible", "fixed-clock");
  tree.Cell("#clock-cells", 0);
  tree.Cell("clock-frequency", 24'000'000);
  tree.Cell("phandle", kClockPhandle);
  tree.End();
  tree.Begin("rtc", layout::kRealTimeClockBase);
  tree.Strings("compatible", std::string_view("arm,pl031\0arm,primecell\0", 24));
  tree.Wides<2>("reg", {layout::kRealTimeClockBase, layout::kRealTimeClockSize});
  tree.Cell("clocks", kClockPhandle);
  tree.String("clock-names", "apb_pclk");
  tree.End();
}

void AddVirtio(TreeWriter& tree, uint32_t device) {
  tree.Begin("virtio_mmio", layout::VirtioMmioAddress(device));
  tree.String("compatible", "virtio,mmio");
  tree.Wides<2>("reg", {layout::VirtioMmioAddress(device), layout::kVirtioMmioSize});
  tree.Cells<3>("interrupts",
                {kSharedInterrupt, layout::VirtioIntid(device) - layout::kFirstSpi, kEdgeRising});
  tree.Flag("dma-coherent");
  tree.End();
}

}  // namespace

Result<uint64_t> BuildDevicetree(const DevicetreeConfig& config, std::span<std::byte> out) {
  TreeWriter tree(out);
  tree.Begin("");
  tree.String("compatible", "bulkhead,guest");
  tree.String("model", "Bulkhead guest");
  tree.Cell("#address-cells", 2);
  tree.Cell("#size-cells", 2);
  tree.Cell("interrupt-parent", kGicPhandle);
  AddChosen(tree, config);
  tree.Begin("memory", layout::kRamStart);
  tree.String("device_type", "memory");
  tree.Wides<2>("reg", {layout::kRamStart, config.ram_bytes});
  tree.End();
  AddProcessors(tree, config.cpus);
  AddTimer(tree);
  AddInterruptController(tree, config.cpus);
  if (config.debug_uart) AddDebugUart(tree);
  if (config.real_time_clock) AddRealTimeClock(tree);
  for (uint32_t device = 0; device < config.virtio_devices; ++device) AddVirtio(tree, device);
  tree.End();
  return tree.Finish();
}

}  // namespace bulkhead
