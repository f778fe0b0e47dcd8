// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Stands in for the emulator in the tests of the command: speaks the node channel on the
// descriptors that QEMU would get (cli/qemu_machine.h), or where a configuration for Bochs says.
// BULKHEAD_FAKE_NODE says how it behaves.

#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "boot/bundle.h"
#include "cli/agent_decoder.h"
#include "cli/files.h"
#include "cli/node_decoder.h"
#include "cli/qemu_machine.h"

namespace bulkhead {
namespace {

std::string Word(uint32_t value) { return {reinterpret_cast<const char*>(&value), sizeof(value)}; }

uint16_t g_pod = 0;           // whose frames are sent
std::string g_configuration;  // of all pods

void Send(NodeFrameType type, const std::string& payload) {
  const std::string frame = EncodeNodeFrame(type, g_pod, payload);
  for (size_t at = 0; at < frame.size();) {
    const ssize_t n = send(kChannelDescriptor, frame.data() + at, frame.size() - at, MSG_NOSIGNAL);
    if (n <= 0) std::exit(9);
    at += static_cast<size_t>(n);
  }
}

void SendAgent(const std::string& message) {
  for (size_t at = 0; at < message.size(); at += kNodeFrameMaxPayload) {
    Send(NodeFrameType::kAgentOutput, message.substr(at, kNodeFrameMaxPayload));
  }
}

void SendAgent(AgentMessage type, const std::string& payload) {
  SendAgent(EncodeAgentMessage(type, payload));
}

[[noreturn]] void PowerOff(PodEnd end, const std::string& text) {
  Send(NodeFrameType::kPodEnded, Word(static_cast<uint32_t>(end)) + text);
  Send(NodeFrameType::kNodeEnded, "");
  std::exit(0);
}

void Receive(size_t size, std::string* out) {
  out->resize(size);
  for (size_t at = 0; at < size;) {
    const ssize_t n = recv(kChannelDescriptor, out->data() + at, size - at, 0);
    if (n <= 0) std::exit(8);
    at += static_cast<size_t>(n);
  }
}

// The next message to the agent; grants the credit it took, as a node does. A stop ends us.
AgentHeader NextAgentMessage(std::string* payload) {
  static std::string stream;
  for (;;) {
    AgentHeader header;
    if (stream.size() >= sizeof(header)) {
      std::memcpy(&header, stream.data(), sizeof(header));
      if (stream.size() >= sizeof(header) + header.length) {
        *payload = stream.substr(sizeof(header), header.length);
        stream.erase(0, sizeof(header) + header.length);
        return header;
      }
    }
    std::string bytes;
    Receive(sizeof(NodeFrameHeader), &bytes);
    NodeFrameHeader frame;
    std::memcpy(&frame, bytes.data(), sizeof(frame));
    if (!NodeFrameHeaderValid(frame)) std::exit(7);
    Receive(frame.length, &bytes);
    if (frame.type == NodeFrameType::kPodStop) PowerOff(PodEnd::kStopped, "");
    if (frame.type == NodeFrameType::kTaken) continue;
    stream += bytes;
    Send(NodeFrameType::kAgentCredit, Word(frame.length));
  }
}

[[noreturn]] void Exit(uint32_t status) {
  SendAgent(AgentMessage::kExited, Word(status));
  SendAgent(AgentMessage::kPodEnded, "");
  std::string payload;
  while (NextAgentMessage(&payload).type != AgentMessage::kEnd) {
  }
  PowerOff(PodEnd::kPoweredOff, "");
}

void Log(const std::string& text) {
  if (write(kSerialDescriptor, text.data(), text.size()) < 0) std::exit(6);
}

// How many pods the bundle has that QEMU was given; ends the program if it is not one.
uint16_t CheckBundle(int argc, char** argv) {
  uint16_t pods = 0;
  for (int i = 1; i + 1 < argc; ++i) {
    if (std::string(argv[i]) != "-initrd") continue;
    const absl::StatusOr<MappedFile> file = MappedFile::Open(argv[i + 1]);
    Bundle bundle;
    if (!file.ok() || !Bundle::Open(file->bytes(), bundle).ok() || !bundle.Find("hypervisor") ||
        !bundle.Find("kernel") || !bundle.Find("images/0")) {
      break;
    }
    for (const BundleEntry& entry : bundle) {
      if (!entry.name.starts_with("pods/") || !entry.name.ends_with("/pod")) continue;
      const std::string pod(entry.name.substr(0, entry.name.size() - 3));
      if (bundle.Find(pod + "initramfs")) ++pods;
      g_configuration.append(reinterpret_cast<const char*>(entry.data.data()), entry.data.size());
    }
  }
  if (pods > 0) return pods;
  Log("bulkhead: fatal: bad bundle\n");
  std::exit(1);
}

// What follows `key` in `text`, up to the line's end; ends the program if that is not there.
std::string Setting(const std::string& text, const std::string& key) {
  const size_t at = text.find(key);
  if (at == std::string::npos) std::exit(12);
  const size_t start = at + key.size();
  return text.substr(start, text.find('\n', start) - start);
}

// Puts what Bochs would use where it is for QEMU.
void BecomeBochs(const std::string& configuration) {
  const std::string text = ReadFile(configuration, 1 << 20).value_or("");
  if (Setting(text, "com1: enabled=1, mode=file, dev=") != "/dev/fd/4") std::exit(13);
  if (!FileExists(Setting(text, "path=").substr(0, std::strlen("node.iso")))) std::exit(14);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(
      std::atoi(Setting(text, "mode=socket-client, dev=127.0.0.1:").c_str())));
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) std::exit(15);
  dup2(fd, kChannelDescriptor);
}

void StartPod() {
  SendAgent(AgentMessage::kHello, Word(kAgentProtocolVersion));
  SendAgent(AgentMessage::kStarted, "");
}

void Start() {
  Send(NodeFrameType::kHello, Word(kNodeProtocolVersion) + Word(1));
  StartPod();
}

// Each says its number, in two parts that others come between, and ends with it.
[[noreturn]] void RunPods(uint16_t pods) {
  Send(NodeFrameType::kHello, Word(kNodeProtocolVersion) + Word(pods));
  const auto each = [&](const auto& act) {
    for (g_pod = 0; g_pod < pods; ++g_pod) act();
  };
  each(StartPod);
  each([] { SendAgent(AgentMessage::kStdout, "first line\npod "); });
  each([] { SendAgent(AgentMessage::kStdout, std::to_string(g_pod)); });
  each([] {
    SendAgent(AgentMessage::kExited, Word(g_pod));
    SendAgent(AgentMessage::kPodEnded, "");
    Send(NodeFrameType::kPodEnded, Word(static_cast<uint32_t>(PodEnd::kPoweredOff)));
  });
  g_pod = 0;
  Send(NodeFrameType::kNodeEnded, "");
  std::exit(0);
}

// An init container that has started, and two others that end in the other order; the first of
// them had failed once before.
[[noreturn]] void RunContainers() {
  const auto send = [](AgentMessage type, uint8_t container, const std::string& payload) {
    SendAgent(EncodeAgentMessage(type, payload, container));
  };
  send(AgentMessage::kStdout, 0, "prepared");
  send(AgentMessage::kExited, 0, Word(0));
  send(AgentMessage::kFailed, 1, Word(127) + "crun: `/bin/app` not found");
  send(AgentMessage::kStarted, 2, "");
  send(AgentMessage::kStdout, 2, "two is ");
  send(AgentMessage::kStarted, 1, "");
  send(AgentMessage::kStdout, 1, "one\n");
  send(AgentMessage::kStdout, 2, "here\n");
  send(AgentMessage::kExited, 2, Word(9));
  send(AgentMessage::kExited, 1, Word(4));
  send(AgentMessage::kPodEnded, 0, "");
  std::string payload;
  while (NextAgentMessage(&payload).type != AgentMessage::kEnd) {
  }
  PowerOff(PodEnd::kPoweredOff, "");
}

void SendStats(uint16_t pods) {
  static uint64_t time = 0;
  time += 1'000'000'000;
  const NodeStats node = {kNodeStatsVersion, pods, time, 1u << 30, 1u << 29, 1u << 20};
  std::string payload(reinterpret_cast<const char*>(&node), sizeof(node));
  for (uint16_t i = 0; i < pods; ++i) {
    const PodStats pod = {time / 4, 64u << 20, kStatsUnknown, kStatsUnknown, 768u << 10};
    payload.append(reinterpret_cast<const char*>(&pod), sizeof(pod));
  }
  Send(NodeFrameType::kStats, payload);
}

// Pods that run until they are told to end, or in some modes end otherwise.
[[noreturn]] void KeepPods(uint16_t pods, const std::string& mode) {
  Send(NodeFrameType::kHello, Word(kNodeProtocolVersion) + Word(pods));
  std::vector<bool> ended(pods);
  const auto end = [&](PodEnd how) {
    ended[g_pod] = true;
    Send(NodeFrameType::kPodEnded, Word(static_cast<uint32_t>(how)));
  };
  for (g_pod = 0; g_pod < pods; ++g_pod) {
    if (mode == "keep-not-started" && g_pod == 1) {
      Send(NodeFrameType::kPodEnded,
           Word(static_cast<uint32_t>(PodEnd::kNotStarted)) + "no memory");
      continue;
    }
    StartPod();
    SendAgent(AgentMessage::kStdout, "first\nsecond\nunfinished");
    SendAgent(AgentMessage::kStderr, "to stderr\n");
    if (mode != "keep-job") continue;
    SendAgent(AgentMessage::kExited, Word(g_pod));
    SendAgent(AgentMessage::kPodEnded, "");
    end(PodEnd::kPoweredOff);
  }
  for (;;) {
    std::string payload;
    Receive(sizeof(NodeFrameHeader), &payload);
    NodeFrameHeader frame;
    std::memcpy(&frame, payload.data(), sizeof(frame));
    if (!NodeFrameHeaderValid(frame)) std::exit(7);
    Receive(frame.length, &payload);
    g_pod = frame.pod;
    if (frame.type == NodeFrameType::kStatsRequest) SendStats(pods);
    if (frame.type == NodeFrameType::kNodeLeave) break;
    if (frame.type == NodeFrameType::kPodStop && !ended[g_pod]) end(PodEnd::kStopped);
    if (frame.type != NodeFrameType::kAgentInput) continue;
    AgentHeader header;
    std::memcpy(&header, payload.data(), sizeof(header));
    if (header.type != AgentMessage::kSignal || mode == "keep-stubborn") continue;
    SendAgent(AgentMessage::kExited, Word(128 + SIGTERM));
    SendAgent(AgentMessage::kPodEnded, "");
    end(PodEnd::kPoweredOff);
  }
  g_pod = 0;
  Send(NodeFrameType::kNodeEnded, "");
  std::exit(0);
}

int Main(int argc, char** argv) {
  const char* variable = std::getenv("BULKHEAD_FAKE_NODE");
  const std::string mode = variable != nullptr ? variable : "";
  std::string payload;
  if (const char* path = std::getenv("BULKHEAD_FAKE_NODE_PID"); path != nullptr) {
    if (!WriteFileAtomically(path, std::to_string(getpid())).ok()) return 5;
  }
  const bool bochs = argc == 6 && std::string(argv[2]) == "-f";
  if (mode == "early") {
    std::fprintf(stderr, "cannot allocate memory\n");
    if (bochs) std::fprintf(stderr, "00p[SIM   ] >>PANIC<< no such processor\n======\n");
    return 3;
  }
  uint16_t pods = 1;
  if (bochs) {
    BecomeBochs(argv[3]);
  } else {
    pods = CheckBundle(argc, argv);
  }
  if (mode == "pods") RunPods(pods);
  if (mode.starts_with("keep")) KeepPods(pods, mode);
  if (mode == "fatal") {
    Log("booting\nbulkhead: fatal: this machine has no AMD-V\n");
    return 1;
  }
  if (mode == "garbage") {
    if (send(kChannelDescriptor, "this is not a frame at all", 26, 0) < 0) return 4;
    pause();
  }
  if (mode == "slow") {
    poll(nullptr, 0, 1500);  // longer than a command works without showing that it does
    Start();
    SendAgent(AgentMessage::kStderr, "to stderr\n");
    Exit(0);
  }
  Start();
  if (mode == "configuration") {
    SendAgent(AgentMessage::kStdout, g_configuration);
    Exit(0);
  }
  if (mode == "output") {
    std::string bytes;
    for (int i = 0; i < 1 << 20; ++i) bytes += static_cast<char>(i * 7 + (i >> 8));
    for (size_t at = 0; at < bytes.size(); at += kAgentMaxPayload) {
      SendAgent(AgentMessage::kStdout, bytes.substr(at, kAgentMaxPayload));
    }
    SendAgent(AgentMessage::kStderr, "to stderr\n");
    Exit(7);
  }
  if (mode == "endless") {
    for (;;) {
      SendAgent(AgentMessage::kStdout, std::string(4096, 'y'));
      pollfd stop = {kChannelDescriptor, POLLIN, 0};
      if (poll(&stop, 1, 0) == 1) NextAgentMessage(&payload);  // the stop
    }
  }
  if (mode == "stdin") {
    for (;;) {
      const AgentHeader header = NextAgentMessage(&payload);
      if (header.type == AgentMessage::kStdinEnd) Exit(0);
      SendAgent(AgentMessage::kStdout, payload);
      SendAgent(AgentMessage::kStdinCredit, Word(header.length));
    }
  }
  if (mode == "containers") RunContainers();
  if (mode == "not-found" || mode == "not-executable") {
    SendAgent(AgentMessage::kExited, Word(0));
    SendAgent(AgentMessage::kFailed, mode == "not-found"
                                         ? Word(127) + "crun: executable file `/bin/app` not found"
                                         : Word(126) + "crun: open executable: Permission denied");
    SendAgent(AgentMessage::kPodEnded, "");
    while (NextAgentMessage(&payload).type != AgentMessage::kEnd) {
    }
    PowerOff(PodEnd::kPoweredOff, "");
  }
  if (mode == "agent-garbage") {
    SendAgent(std::string(64, 'g'));
    for (;;) NextAgentMessage(&payload);
  }
  if (mode == "fault") PowerOff(PodEnd::kGuestFault, "triple fault");
  if (mode == "panic") {
    Send(NodeFrameType::kConsole, "line\nKernel panic - not syncing: out of memory\n");
    PowerOff(PodEnd::kReset, "reset");
  }
  if (mode == "vmm") PowerOff(PodEnd::kVmmFailed, "bad access");
  if (mode == "crash") raise(SIGKILL);
  if (mode == "signal") {
    SendAgent(AgentMessage::kStdout, "ready\n");
    for (;;) {
      if (NextAgentMessage(&payload).type != AgentMessage::kSignal) continue;
      uint32_t signal;
      std::memcpy(&signal, payload.data(), sizeof(signal));
      Exit(128 + signal);
    }
  }
  // "stubborn": runs until it is stopped.
  SendAgent(AgentMessage::kStdout, "ready\n");
  for (;;) NextAgentMessage(&payload);
}

}  // namespace
}  // namespace bulkhead

int main(int argc, char** argv) { return bulkhead::Main(argc, argv); }
