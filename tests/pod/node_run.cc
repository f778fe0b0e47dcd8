// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "tests/pod/node_run.h"

#include <chrono>
#include <cstring>

#include "boot/testing/bundle_writer.h"
#include "control/node_frame.h"

namespace bulkhead {
namespace {

constexpr char kHypervisor[] = "hypervisor/hypervisor_x86_64.elf";
constexpr char kSupervisor[] = "control/supervisor_x86_64.elf";
constexpr char kVmm[] = "vmm/vmm_x86_64.elf";
constexpr char kTestGuest[] = "guest/testguest/testguest.elf";

std::string Bundle(const std::vector<TestPod>& pods) {
  BundleWriter bundle;
  bundle.Add("hypervisor", ReadFileOrDie(kHypervisor));
  bundle.Add("supervisor", ReadFileOrDie(kSupervisor));
  bundle.Add("vmm", ReadFileOrDie(kVmm));
  for (const TestPod& pod : pods) {
    const std::string folder = "pods/" + pod.name;
    bundle.Add(folder + "/pod", "version=1\nmemory=67108864\ncpus=1\ncmdline=testguest.mode=" +
                                    pod.mode + "\ndebug_uart=1\n");
    bundle.Add(folder + "/kernel", ReadFileOrDie(kTestGuest), 0100644, 4096);
  }
  return bundle.Finish();
}

}  // namespace

NodeRun::NodeRun(const std::vector<TestPod>& pods) {
  WriteFileOrDie(directory_ / "bundle", Bundle(pods));
  WriteFileOrDie(directory_ / "channel", "");
  machine_.emplace(QemuOptions{
      .kernel = kHypervisor,
      .initrd = directory_ / "bundle",
      .extra = {"-device", "virtio-serial-pci,max_ports=1", "-chardev",
                "file,id=node,path=" + (directory_ / "channel"), "-device",
                "virtconsole,chardev=node"},
  });
}

std::map<uint16_t, NodeRun::Pod> NodeRun::Pods() const {
  const std::string stream = ReadFileOrDie(directory_ / "channel");
  std::map<uint16_t, Pod> pods;
  size_t at = 0;
  NodeFrameHeader header;
  while (at + sizeof(header) <= stream.size()) {
    std::memcpy(&header, &stream[at], sizeof(header));
    at += sizeof(header);
    if (!NodeFrameHeaderValid(header)) {
      ADD_FAILURE() << "node channel: bad header at " << at - sizeof(header);
      break;
    }
    if (header.length > stream.size() - at) break;  // still being written
    const std::string payload = stream.substr(at, header.length);
    at += header.length;
    Pod& pod = pods[header.pod];
    if (header.type == NodeFrameType::kConsole) pod.console += payload;
    if (header.type == NodeFrameType::kPodEnded && payload.size() >= sizeof(PodEnd)) {
      PodEnd end;
      std::memcpy(&end, payload.data(), sizeof(end));
      pod.end = end;
      pod.why = payload.substr(sizeof(end));
    }
  }
  return pods;
}

testing::AssertionResult NodeRun::RunUntilEnded(uint16_t pod, QemuMachine::Duration deadline) {
  const auto until = std::chrono::steady_clock::now() + deadline;
  // The channel is a file: look at it again and again while the machine's output is read.
  constexpr std::string_view kNeverSaid = "\x01";
  while (std::chrono::steady_clock::now() < until) {
    if (Pods()[pod].end.has_value()) return testing::AssertionSuccess();
    if (!machine_->running()) break;
    (void)static_cast<bool>(machine_->RunUntilSerial(kNeverSaid, std::chrono::milliseconds(20)));
  }
  if (Pods()[pod].end.has_value()) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "pod " << pod << " has not ended; COM1:\n"
                                     << machine_->serial();
}

}  // namespace bulkhead
