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

namespace bulkhead {
namespace {

using Clock = std::chrono::steady_clock;

// Far beyond what any step takes on a busy machine: reached only when something hangs.
constexpr std::chrono::seconds kPatience(120);
constexpr size_t kPage = 4096;
constexpr uint32_t kFile = 0100644;

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
                                 "\ncpus=1\ncmdline=" + pod.cmdline + "\ndebug_uart=1\n");
    const std::string kernel = pod.kernel.empty() ? TestGuestFile(architecture) : pod.kernel;
    writer.Add(path + "kernel", ReadFileOrDie(kernel), kFile, kPage);
  }
  return writer.Finish();
}

TestNode::TestNode(const TestNodeOptions& options) : decoder_(this) {
  const std::string bundle =
      options.bundle.empty() ? MakeTestBundle(options.architecture, options.pods) : options.bundle;
  const std::string bundle_file = directory_ / "bundle.cpio";
  const NodeFiles& files = Facts(options.architecture).files;
  const std::string command_line = options.com2 ? "channel=com2" : "";
  QemuOptions qemu = {.architecture = options.architecture};
  if (options.uefi) {
    qemu.esp = directory_ / "esp";
    WriteFileOrDie(qemu.esp + "/" + EfiBootFile(options.architecture), ReadFileOrDie(files.loader));
    WriteFileOrDie(qemu.esp + "/bulkhead/bundle.cpio", bundle);
  } else if (options.cd) {
    qemu.cd = directory_ / "node.iso";
    WriteFileOrDie(bundle_file, bundle);
    const absl::Status made = MakeGrubIso(
        {.hypervisor = files.boot_image, .bundle = bundle_file, .command_line = command_line},
        qemu.cd, {});
    EXPECT_TRUE(made.ok()) << made;
  } else {
    qemu.kernel = files.boot_image;
    qemu.initrd = bundle_file;
    qemu.append = command_line;
    WriteFileOrDie(bundle_file, bundle);
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
  machine_.emplace(qemu);
  close(ends[1]);
}

TestNode::~TestNode() { close(channel_); }

testing::AssertionResult TestNode::RunUntil(const std::function<bool()>& condition) {
  const auto until = Clock::now() + kPatience;
  while (!condition()) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    if (left <= 0) return Failure("the deadline passed");
    pollfd ready = {channel_, POLLIN, 0};
    if (poll(&ready, 1, static_cast<int>(left)) <= 0) continue;
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
  // QEMU waits for nobody who does not read: the channel first, to its end.
  if (!node_ended_) {
    if (auto result = RunUntil([this] { return node_ended_; }); !result) return result;
  }
  return machine_->RunToEnd(kPatience);
}

void TestNode::Send(NodeFrameType type, uint16_t pod, const std::string& payload) {
  SendAll(EncodeNodeFrame(type, pod, payload));
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

void TestNode::OnLog(uint16_t, const std::string&) {}

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
         << machine_->serial() << "\n--- QEMU\n"
         << machine_->errors() << "\n---";
  return result;
}

}  // namespace bulkhead
