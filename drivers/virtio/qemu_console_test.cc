// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The console driver against QEMU's device, on each of the machines. The CPU halts at its first
// instruction: QEMU's qtest protocol does single register accesses for us, and its RAM is shared
// with this process, so that the driver can do DMA.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "control/firmware_tree.h"
#include "drivers/pci/bar_assigner.h"
#include "drivers/pci/pci_host.h"
#include "drivers/virtio/virtio_console_driver.h"

namespace bulkhead {
namespace {

constexpr size_t kRamBytes = size_t{16} << 20;
constexpr uint64_t kMsiOffset = 0x208000;  // in RAM, where the test can see the message arrive
constexpr uint64_t kDmaOffset = 0x300000;
constexpr uint32_t kMsiData = 0x1234;
constexpr uint32_t kDevice = 3;  // 00:03.0
constexpr uint64_t kPcEcam = 0xb0000000;

struct MachineKind {
  const char* name;
  const char* program;
  const char* machine;
  const char* cpu;
  uint64_t ram;  // physical address
  size_t rom_bytes;
  size_t halt_offset;  // in the ROM: where the processor begins
  std::string_view halt;
};

// Devices of a machine that was not started at all, -S, take no input; so it starts and halts.
constexpr MachineKind kMachines[] = {
    // cli, hlt, jump back; the reset vector is at the end of the ROM.
    {"x86_64", "qemu-system-x86_64", "q35", "max", 0, 64 << 10, (64 << 10) - 16,
     std::string_view("\xfa\xf4\xeb\xfd", 4)},
    // wfi, branch back.
    {"aarch64", "qemu-system-aarch64", "virt,gic-version=3,virtualization=on", "neoverse-n1",
     0x40000000, 4096, 0, std::string_view("\x7f\x20\x03\xd5\xff\xff\xff\x17", 8)},
};

class Qemu final : public DriverPlatform {
 public:
  explicit Qemu(const MachineKind& kind) : kind_(kind) {}
  bool Start() {
    ram_file_ = memfd_create("ram", 0);
    if (ram_file_ < 0 || ftruncate(ram_file_, kRamBytes) != 0) return false;
    void* ram = mmap(nullptr, kRamBytes, PROT_READ | PROT_WRITE, MAP_SHARED, ram_file_, 0);
    if (ram == MAP_FAILED) return false;
    ram_ = static_cast<std::byte*>(ram);
    if (!MakeFirmware()) return false;
    int control[2], console[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, control) != 0 ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, console) != 0) {
      return false;
    }
    pid_ = fork();
    if (pid_ == 0) Execute(control[1], console[1]);
    close(control[1]);
    close(console[1]);
    control_ = fdopen(control[0], "r+");
    console_ = console[0];
    return pid_ > 0 && control_ != nullptr && FindPci();
  }
  ~Qemu() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    if (control_ != nullptr) std::fclose(control_);
    if (console_ >= 0) close(console_);
    if (ram_ != nullptr) munmap(ram_, kRamBytes);
    if (ram_file_ >= 0) close(ram_file_);
    if (firmware_file_ >= 0) close(firmware_file_);
  }

  // A mapping is its physical address; ReadDevice and WriteDevice are what looks at it.
  Result<volatile std::byte*> MapDevice(HostPhysical start, uint64_t /*length*/) override {
    return reinterpret_cast<volatile std::byte*>(Raw(start));
  }
  Result<DmaPage> AllocateDma() override {
    const uint64_t address = next_dma_;
    next_dma_ += 4096;
    return DmaPage{.bytes = ram_ + address, .bus_address = kind_.ram + address};
  }
  Result<Msi> AllocateMsi(uint32_t) override {
    return Msi{.address = kind_.ram + kMsiOffset, .data = kMsiData};
  }
  uint32_t ReadDevice(const volatile std::byte* address, int width) override {
    return Command("read", Suffix(width), {reinterpret_cast<uintptr_t>(address)});
  }
  void WriteDevice(volatile std::byte* address, int width, uint32_t value) override {
    Command("write", Suffix(width), {reinterpret_cast<uintptr_t>(address), value});
  }

  uint32_t message() const {
    return __atomic_load_n(reinterpret_cast<uint32_t*>(ram_ + kMsiOffset), __ATOMIC_ACQUIRE);
  }
  void ClearMessage() { std::memset(ram_ + kMsiOffset, 0, 4); }
  int console() const { return console_; }
  const PciHost& pci() const { return pci_; }
  // One exchange, so that QEMU's main loop has run.
  void Turn() { Command("read", 'l', {kind_.ram}); }

 private:
  bool MakeFirmware() {
    std::string rom(kind_.rom_bytes, '\0');
    rom.replace(kind_.halt_offset, kind_.halt.size(), kind_.halt);
    firmware_file_ = memfd_create("firmware", 0);
    return firmware_file_ >= 0 &&
           write(firmware_file_, rom.data(), rom.size()) == static_cast<ssize_t>(rom.size());
  }

  static char Suffix(int width) { return width == 1 ? 'b' : width == 2 ? 'w' : 'l'; }

  [[noreturn]] void Execute(int control, int console) const {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(control, STDIN_FILENO);
    dup2(control, STDOUT_FILENO);
    const std::string memory =
        "memory-backend-file,id=ram,share=on,size=" + std::to_string(kRamBytes) +
        ",mem-path=/proc/self/fd/" + std::to_string(ram_file_);
    const std::string firmware = "/proc/self/fd/" + std::to_string(firmware_file_);
    const std::string socket = "socket,id=console,fd=" + std::to_string(console);
    const std::string machine = std::string(kind_.machine) + ",memory-backend=ram";
    std::vector<const char*> arguments = {kind_.program, "-nodefaults",
                                          "-display",    "none",
                                          "-accel",      "tcg",
                                          "-bios",       firmware.c_str(),
                                          "-machine",    machine.c_str(),
                                          "-cpu",        kind_.cpu,
                                          "-m",          "16M",
                                          "-object",     memory.c_str(),
                                          "-chardev",    socket.c_str(),
                                          "-device",     "virtio-serial-pci,max_ports=1,addr=3",
                                          "-device",     "virtconsole,chardev=console",
                                          "-qtest",      "stdio",
                                          "-qtest-log",  "/dev/null",
                                          nullptr};
    execvp(arguments[0], const_cast<char* const*>(arguments.data()));
    _exit(127);
  }

  // Sends a line of the qtest protocol; returns the number in the answer, if it has one.
  uint32_t Command(const char* verb, char suffix, std::initializer_list<uint64_t> arguments) {
    std::string line = std::string(verb) + suffix;
    for (const uint64_t argument : arguments) line += ' ' + std::to_string(argument);
    std::fprintf(control_, "%s\n", line.c_str());
    std::fflush(control_);
    char answer[256];
    if (std::fgets(answer, sizeof(answer), control_) == nullptr ||
        std::strncmp(answer, "OK", 2) != 0) {
      std::fprintf(stderr, "qtest: no answer to %s\n", line.c_str());
      std::abort();
    }
    return static_cast<uint32_t>(std::strtoull(answer + 2, nullptr, 0));
  }
  void WritePci(uint32_t device, uint32_t offset, uint32_t value) {
    Command("out", 'l', {0xcf8, 0x80000000 | device << 11 | offset});
    Command("out", 'l', {0xcfc, value});
  }
  bool FindPci() { return kind_.ram == 0 ? SetUpPcPci() : ReadTree(); }
  // On a PC: what firmware would have done.
  bool SetUpPcPci() {
    WritePci(0, 0x64, 0);  // PCIEXBAR of the Q35 host bridge: 256 buses at kPcEcam
    WritePci(0, 0x60, static_cast<uint32_t>(kPcEcam) | 1);
    WritePci(kDevice, 0x14, 0xfe000000);  // BAR 1: MSI-X
    WritePci(kDevice, 0x20, 0x00010000);  // BAR 4, above 4 GiB
    WritePci(kDevice, 0x24, 0x00000038);
    pci_.ecam = HostPhysical{kPcEcam};
    return true;
  }
  // Elsewhere nobody has given any addresses; there is a devicetree, where RAM begins.
  bool ReadTree() {
    Turn();
    FirmwareTree tree;
    return FirmwareTree::Open({ram_, kMaxDevicetreeLength}, tree).ok() &&
           tree.ReadPciHost(pci_).ok();
  }

  const MachineKind& kind_;
  PciHost pci_;
  pid_t pid_ = -1;
  FILE* control_ = nullptr;
  int console_ = -1;
  int ram_file_ = -1;
  int firmware_file_ = -1;
  std::byte* ram_ = nullptr;
  uint64_t next_dma_ = kDmaOffset;
};

// Calls `step` until it is true; false if it does not come true within a generous time.
template <typename Step>
bool Eventually(Qemu& qemu, Step step) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!step()) {
    if (std::chrono::steady_clock::now() > end) return false;
    qemu.Turn();
  }
  return true;
}

class QemuConsole : public ::testing::TestWithParam<MachineKind> {};
INSTANTIATE_TEST_SUITE_P(Machines, QemuConsole, ::testing::ValuesIn(kMachines),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(QemuConsole, BytesBothWaysAndInterrupts) {
  Qemu qemu(GetParam());
  ASSERT_TRUE(qemu.Start());
  const auto function = VirtioConsoleDriver::Find(qemu, qemu.pci());
  ASSERT_STREQ(StatusName(function.status()), "ok");
  PciBarAssigner bars(qemu.pci());
  ASSERT_STREQ(StatusName(bars.Assign(qemu, *function)), "ok");
  VirtioConsoleDriver driver;
  ASSERT_STREQ(StatusName(driver.Start(qemu, *function)), "ok");

  std::string text;
  for (int i = 0; text.size() < 200000; ++i) text += std::to_string(i) + ',';
  // A slice at a time, so that neither socket buffer fills up while nobody reads.
  std::string out, in;
  for (size_t at = 0; at < text.size();) {
    qemu.ClearMessage();
    const auto piece =
        std::as_bytes(std::span(text)).subspan(at, std::min<size_t>(30000, text.size() - at));
    size_t sent = 0, written = 0;
    ASSERT_TRUE(Eventually(qemu, [&] {
      sent += driver.Send(piece.subspan(sent));
      char buffer[4096];
      const ssize_t got = recv(qemu.console(), buffer, sizeof(buffer), MSG_DONTWAIT);
      if (got > 0) out.append(buffer, got);
      return out.size() == at + piece.size();
    }));
    EXPECT_TRUE(Eventually(qemu, [&] { return qemu.message() == kMsiData; })) << "transmitted";
    qemu.ClearMessage();
    ASSERT_TRUE(Eventually(qemu, [&] {
      const ssize_t count = send(qemu.console(), piece.data() + written, piece.size() - written,
                                 MSG_DONTWAIT | MSG_NOSIGNAL);
      if (count > 0) written += count;
      char buffer[3000];
      const size_t got = driver.Receive(std::as_writable_bytes(std::span(buffer)));
      in.append(buffer, got);
      return in.size() == at + piece.size();
    }));
    EXPECT_TRUE(Eventually(qemu, [&] { return qemu.message() == kMsiData; })) << "received";
    at += piece.size();
  }
  EXPECT_EQ(out, text);
  EXPECT_EQ(in, text);
  EXPECT_EQ(driver.status(), Status::kOk);
}

}  // namespace
}  // namespace bulkhead
