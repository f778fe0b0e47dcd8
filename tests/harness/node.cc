// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "tests/harness/node.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>

#include "boot/multiboot2/grub_iso.h"
#include "boot/testing/bundle_writer.h"
#include "cli/bochs.h"
#include "cli/loopback.h"
#include "tests/harness/bochs.h"
#include "tests/harness/qemu.h"

namespace bulkhead {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kPage = 4096;
constexpr uint32_t kFile = 0100644;
constexpr char kBundle[] = "bundle.cpio";
constexpr char kChannelOverCom2[] = "channel=com2";
constexpr uint64_t kBochsMemory = uint64_t{512} << 20;  // bytes

}  // namespace

std::string TestGuestFile(Architecture architecture) {
  return architecture == Architecture::kX86_64 ? "guest/testguest/testguest.elf"
                                               : "guest/testguest/testguest_aarch64.image";
}

std::string MakeTestBundle(Architecture architecture, const std::vector<TestPod>& pods) {
  const NodeFiles& files = Facts(architecture).files;
  BundleWriter writer;
  writer.Add("hypervisor", ReadFileOrDie(files.hypervisor), kFile, kPage);
  writer.Add("supervisor", ReadFileOrDie(files.supervisor), kFile, kPage);
  writer.Add("vmm", ReadFileOrDie(files.vmm), kFile, kPage);
  for (const TestPod& pod : pods) {
    const std::string path = "pods/" + pod.name + "/";
    writer.Add(path + "pod", "version=1\nmemory=" + std::to_string(pod.memory) +
                                 "\ncpus=1\ncmdline=" + pod.cmdline + "\ndebug_uart=1\n" +
                                 pod.config);
    const std::string kernel = pod.kernel.empty() ? TestGuestFile(architecture) : pod.kernel;
    writer.Add(path + "kernel", ReadFileOrDie(kernel), kFile, kPage);
  }
  return writer.Finish();
}

TestNode::TestNode(const TestNodeOptions& options) : decoder_(this), patience_(options.patience) {
  WriteFileOrDie(directory_ / kBundle, options.bundle.empty()
                                           ? MakeTestBundle(options.architecture, options.pods)
                                           : options.bundle);
  if (options.bochs_cpu.empty()) {
    StartInQemu(options);
  } else {
    StartInBochs(options);
  }
}

std::string TestNode::MakeCd(const TestNodeOptions& options) const {
  const bool com2 = options.com2 || !options.bochs_cpu.empty();
  const std::string path = directory_ / kBochsCd;
  const absl::Status made = MakeGrubIso({.hypervisor = Facts(options.architecture).files.boot_image,
                                         .bundle = directory_ / kBundle,
                                         .command_line = com2 ? kChannelOverCom2 : ""},
                                        path, {});
  EXPECT_TRUE(made.ok()) << made;
  return path;
}

void TestNode::StartInBochs(const TestNodeOptions& options) {
  MakeCd(options);
  absl::StatusOr<LoopbackListener> listener = LoopbackListener::Create();
  if (!listener.ok()) std::abort();
  machine_ = std::make_unique<BochsMachine>(BochsOptions{.directory = directory_.path(),
                                                         .memory = kBochsMemory,
                                                         .cpu = options.bochs_cpu,
                                                         .channel_port = listener->port()});
  pollfd ready = {listener->fd(), POLLIN, 0};
  if (poll(&ready, 1, std::chrono::milliseconds(patience_).count()) == 1) {
    channel_ = listener->Accept(machine_->pid()).release();
  }
  if (channel_ < 0) ADD_FAILURE() << "Bochs did not connect";
  fcntl(channel_, F_SETFL, 0);
}

void TestNode::StartInQemu(const TestNodeOptions& options) {
  const NodeFiles& files = Facts(options.architecture).files;
  QemuOptions qemu = {.architecture = options.architecture,
                      .accelerator = options.accelerator,
                      .memory_mib = options.memory_mib};
  if (options.uefi) {
    qemu.esp = directory_ / "esp";
    WriteFileOrDie(qemu.esp + "/" + EfiBootFile(options.architecture), ReadFileOrDie(files.loader));
    WriteFileOrDie(qemu.esp + "/bulkhead/bundle.cpio", ReadFileOrDie(directory_ / kBundle));
  } else if (options.cd) {
    qemu.cd = MakeCd(options);
  } else {
    qemu.kernel = files.boot_image;
    qemu.initrd = directory_ / kBundle;
    qemu.append = options.command_line;
    if (options.com2) qemu.append += std::string(" ") + kChannelOverCom2;
  }
  // A connected pair: no path whose length matters, and its end shows as soon as QEMU is gone.
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) std::abort();
  channel_ = ends[0];
  fcntl(channel_, F_SETFD, FD_CLOEXEC);
  qemu.extra = {"-chardev", "socket,id=node,fd=" + std::to_string(ends[1])};
  if (options.com2) {
    qemu.extra.insert(qemu.extra.end(), {"-serial", "chardev:node"});
  } else {
    qemu.extra.insert(qemu.extra.end(), {"-device", "virtio-serial-pci,max_ports=1", "-device",
                                         "virtconsole,chardev=node"});
  }
  qemu.extra.insert(qemu.extra.end(), options.qemu_arguments.begin(), options.qemu_arguments.end());
  machine_ = std::make_unique<QemuMachine>(qemu);
  close(ends[1]);
}

TestNode::~TestNode() { close(channel_); }

testing::AssertionResult TestNode::RunUntil(const std::function<bool()>& condition) {
  const auto until = Clock::now() + patience_;
  while (!condition()) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    if (left <= 0) return Failure("the deadline passed");
    const auto [serial, errors] = machine_->descriptors();
    std::array<pollfd, 3> waits = {
        {{channel_, POLLIN, 0}, {serial, POLLIN, 0}, {errors, POLLIN, 0}}};
    if (poll(waits.data(), waits.size(), static_cast<int>(left)) <= 0) continue;
    machine_->Poll();
    if (waits[0].revents == 0) continue;
    std::array<std::byte, 65536> buffer;
    const ssize_t count = recv(channel_, buffer.data(), buffer.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return Failure("the node channel has ended");
    if (!decoder_.Feed(std::span(buffer).first(static_cast<size_t>(count)))) {
      return Failure("the node channel is broken: " + decoder_.error());
    }
    SendAll(decoder_.TakeAcknowledgement());
  }
  return testing::AssertionSuccess();
}

testing::AssertionResult TestNode::RunToEnd() {
  // Emulators wait for nobody who does not read: the channel first, to its end.
  if (!node_ended_) {
    if (auto result = RunUntil([this] { return node_ended_; }); !result) return result;
  }
  return machine_->RunToEnd(patience_);
}

void TestNode::Send(NodeFrameType type, uint16_t pod, const std::string& payload) {
  SendAll(EncodeNodeFrame(type, pod, payload));
}

void TestNode::StartAgain(uint16_t pod) {
  EXPECT_TRUE(pods_[pod].end.has_value());
  pods_[pod] = {};
  Send(NodeFrameType::kPodStart, pod);
}

void TestNode::SendAll(const std::string& frame) {
  size_t sent = 0;
  while (sent < frame.size()) {
    const ssize_t count = send(channel_, frame.data() + sent, frame.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;  // the next RunUntil tells
    sent += static_cast<size_t>(count);
  }
}

void TestNode::OnNodeHello(uint32_t version, uint32_t pods) {
  EXPECT_EQ(version, kNodeProtocolVersion);
  EXPECT_FALSE(hello_.has_value());
  hello_ = pods;
}

void TestNode::OnAgentOutput(uint16_t, std::span<const std::byte>) {}

void TestNode::OnConsole(uint16_t pod, std::span<const std::byte> bytes) {
  EXPECT_FALSE(pods_[pod].end.has_value()) << "pod " << pod << " speaks after its end";
  pods_[pod].console.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

void TestNode::OnLog(uint16_t, const std::string& line) { log_.push_back(line); }

void TestNode::OnAgentCredit(uint16_t, uint32_t) {}

void TestNode::OnPodEnded(uint16_t pod, PodEnd end, const std::string& text) {
  EXPECT_FALSE(pods_[pod].end.has_value()) << "pod " << pod << " ended twice";
  pods_[pod].end = end;
  pods_[pod].reason = text;
}

testing::AssertionResult TestNode::Failure(const std::string& what) {
  machine_->Poll();
  testing::AssertionResult result = testing::AssertionFailure();
  result << what;
  for (const auto& [index, pod] : pods_) {
    result << "\n--- pod " << index << ": "
           << (pod.end.has_value() ? "ended, " + pod.reason : "runs") << "\n"
           << pod.console;
  }
  result << "\n--- node: " << (node_error_.empty() ? "no error" : node_error_) << "\n--- UART\n"
         << machine_->serial() << "\n--- " << machine_->name() << "\n"
         << machine_->errors() << "\n---";
  return result;
}

}  // namespace bulkhead
