// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "guest/init/agent_channel.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "guest/init/files.h"

namespace bulkhead {
namespace {

std::string OneLine(std::string_view text) {
  std::string line(text.substr(0, AgentChannel::kMaxText));
  while (!line.empty() && line.back() == '\n') line.pop_back();
  std::replace_if(
      line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  return line;
}

// The port's device node, "/dev/vportNpM"; empty while there is none.
std::string FindAgentPort() {
  const char* const kPorts = "/sys/class/virtio-ports";
  DIR* dir = opendir(kPorts);
  if (dir == nullptr) return "";
  std::string found;
  while (const dirent* entry = readdir(dir)) {
    if (entry->d_name[0] == '.') continue;
    std::string name;
    if (!ReadFile(std::string(kPorts) + "/" + entry->d_name + "/name", 256, &name)) continue;
    while (!name.empty() && name.back() == '\n') name.pop_back();
    if (name == kAgentPortName) {
      found = std::string("/dev/") + entry->d_name;
      break;
    }
  }
  closedir(dir);
  return found;
}

}  // namespace

void AgentChannel::Send(AgentMessage type, uint8_t container, std::span<const uint8_t> payload) {
  // Drop what is out before growing: the queue never keeps more than a few messages.
  if (written_ > 0) {
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(written_));
    written_ = 0;
  }
  const AgentHeader header = {type, container, {0, 0}, static_cast<uint32_t>(payload.size())};
  const auto* bytes = reinterpret_cast<const uint8_t*>(&header);
  queue_.insert(queue_.end(), bytes, bytes + sizeof(header));
  queue_.insert(queue_.end(), payload.begin(), payload.end());
}

void AgentChannel::Send(AgentMessage type, uint8_t container, uint32_t value) {
  uint8_t bytes[sizeof(value)];
  std::memcpy(bytes, &value, sizeof(value));
  Send(type, container, bytes);
}

void AgentChannel::SendFailed(uint8_t container, uint32_t status, std::string_view text) {
  const std::string line = OneLine(text);
  std::vector<uint8_t> payload(sizeof(status));
  std::memcpy(payload.data(), &status, sizeof(status));
  payload.insert(payload.end(), line.begin(), line.end());
  Send(AgentMessage::kFailed, container, payload);
}

void AgentChannel::SendLog(std::string_view text) {
  const std::string line = OneLine(text);
  Send(AgentMessage::kLog, 0, {reinterpret_cast<const uint8_t*>(line.data()), line.size()});
}

bool AgentChannel::Write() {
  while (pending()) {
    const ssize_t n = write(fd_, queue_.data() + written_, queue_.size() - written_);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN;
    written_ += static_cast<size_t>(n);
  }
  queue_.clear();
  written_ = 0;
  return true;
}

int OpenAgentPort(int timeout_ms) {
  // The kernel adds ports from a work item once the device has answered on its control queue
  // (virtio 1.2, 5.3.6.2), so a port may appear, get its name and be opened by the host a little
  // after the driver is loaded. None of these can be waited for with poll.
  int fd = -1;
  for (int waited = 0; waited < timeout_ms; ++waited) {
    if (fd < 0) {
      const std::string path = FindAgentPort();
      if (!path.empty()) fd = open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
    }
    if (fd >= 0) {
      pollfd ready = {fd, POLLOUT, 0};
      if (poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT) && !(ready.revents & POLLHUP)) {
        return fd;
      }
    }
    usleep(1000);
  }
  if (fd >= 0) close(fd);
  return -1;
}

}  // namespace bulkhead
