// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "tests/guest/guest_vm.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>

namespace bulkhead {
namespace {

// Far beyond what any step takes on a busy machine: reached only when something hangs.
constexpr int kPatienceMs = 120'000;

// Waits until `fd` can be read, or, for a pidfd, until its process has ended.
bool WaitReadable(int fd, int timeout_ms) {
  pollfd ready = {fd, POLLIN, 0};
  int n;
  while ((n = poll(&ready, 1, timeout_ms)) < 0 && errno == EINTR) {
  }
  return n == 1;
}

}  // namespace

GuestMachine GuestMachineFor(std::string_view arch) {
  if (arch == "aarch64") {
    return {"qemu-system-aarch64", {"-M", "virt,gic-version=3", "-cpu", "cortex-a72"}};
  }
  return {"qemu-system-x86_64",
          {"-M", "microvm,acpi=on,pit=on,pic=on,rtc=on,isa-serial=off", "-cpu", "max"}};
}

GuestVm::~GuestVm() {
  if (socket_ >= 0) close(socket_);
  if (qemu_ > 0) {
    kill(qemu_, SIGKILL);
    waitpid(qemu_, nullptr, 0);
  }
}

bool GuestVm::Start(const GuestVmOptions& options) {
  // A connected pair instead of a listening socket: no path whose length matters, and QEMU's end
  // gives an error as soon as QEMU is gone.
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    error_ = std::strerror(errno);
    return false;
  }
  socket_ = ends[0];
  console_path_ = options.dir + "/console.log";
  const std::string port = "socket,id=agent,fd=" + std::to_string(ends[1]);
  const std::string console = "file,id=console,path=" + console_path_;
  const std::string disk = "if=none,id=disk,format=raw,readonly=on,file=" + options.disk;
  std::vector<std::string> words = {options.machine.qemu};
  words.insert(words.end(), options.machine.arguments.begin(), options.machine.arguments.end());
  // Clocks count instructions: QEMU's interval timer is not dependable on a busy machine otherwise,
  // and the kernel then waits for it for ever.
  words.insert(words.end(), {"-icount",
                             "shift=0,sleep=off",
                             "-m",
                             "256M",
                             "-nodefaults",
                             "-no-user-config",
                             "-display",
                             "none",
                             "-no-reboot",
                             "-kernel",
                             options.kernel,
                             "-initrd",
                             options.initrd,
                             "-append",
                             "console=hvc0 panic=-1 quiet",
                             "-device",
                             "virtio-serial-device,max_ports=2",
                             "-chardev",
                             console,
                             "-device",
                             "virtconsole,chardev=console",
                             "-chardev",
                             port,
                             "-device",
                             "virtserialport,chardev=agent,name=bulkhead.agent",
                             "-drive",
                             disk,
                             "-device",
                             "virtio-blk-device,drive=disk",
                             "-device",
                             "virtio-rng-device"});
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t parent = getpid();
  qemu_ = fork();
  if (qemu_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);
    fcntl(ends[1], F_SETFD, 0);
    const int null = open("/dev/null", O_RDONLY);
    dup2(null, 0);
    execvp(argv[0], argv.data());
    _exit(127);
  }
  close(ends[1]);
  if (qemu_ < 0) error_ = std::strerror(errno);
  return qemu_ > 0;
}

bool GuestVm::Readable() { return !buffer_.empty() || WaitReadable(socket_, 0); }

std::optional<GuestVm::Message> GuestVm::Receive() {
  for (;;) {
    if (buffer_.size() >= sizeof(AgentHeader)) {
      AgentHeader header;
      std::memcpy(&header, buffer_.data(), sizeof(header));
      if (header.length > kAgentMaxPayload || (header.reserved[0] | header.reserved[1]) != 0) {
        error_ = "the guest sent a malformed message";
        return std::nullopt;
      }
      if (buffer_.size() - sizeof(header) >= header.length) {
        Message message = {header.type, header.container,
                           buffer_.substr(sizeof(header), header.length)};
        buffer_.erase(0, sizeof(header) + header.length);
        return message;
      }
    }
    if (!WaitReadable(socket_, kPatienceMs)) {
      error_ = "timed out waiting for the guest";
      return std::nullopt;
    }
    char bytes[65536];
    const ssize_t n = read(socket_, bytes, sizeof(bytes));
    if (n <= 0) {
      error_ = "the guest's channel has ended";
      return std::nullopt;
    }
    buffer_.append(bytes, static_cast<size_t>(n));
  }
}

void GuestVm::SendRaw(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

void GuestVm::Send(AgentMessage type, std::string_view payload) {
  const AgentHeader header = {type, 0, {0, 0}, static_cast<uint32_t>(payload.size())};
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof(header));
  bytes += payload;
  SendRaw(bytes);
}

void GuestVm::Send(AgentMessage type, uint32_t value) {
  Send(type, {reinterpret_cast<const char*>(&value), sizeof(value)});
}

int GuestVm::WaitForPowerOff() {
  const int fd = static_cast<int>(syscall(SYS_pidfd_open, qemu_, 0));
  if (fd < 0) return -1;
  const bool ended = WaitReadable(fd, kPatienceMs);
  close(fd);
  if (!ended) kill(qemu_, SIGKILL);
  int status = 0;
  waitpid(qemu_, &status, 0);
  qemu_ = -1;
  return ended && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::string GuestVm::Console() const {
  std::ifstream in(console_path_, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

}  // namespace bulkhead
