// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/keeper/control_server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace bulkhead {
namespace {

bool IsOurs(const UniqueFd& fd) {
  ucred peer = {};
  socklen_t size = sizeof(peer);
  return getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         (peer.uid == geteuid() || peer.uid == 0);
}

}  // namespace

void ControlClient::Send(ControlFrame type, const std::string& payload) {
  if (!finished_) out_ += EncodeControlFrame(type, payload);
}

void ControlClient::Finish(ControlFrame type, const std::string& payload) {
  Send(type, payload);
  finished_ = true;
}

void ControlClient::Read() {
  char buffer[4096];
  const ssize_t n = recv(fd_.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  // One that has asked has nothing more to say: it goes, or breaks the rules.
  if (n <= 0 || request_.has_value()) return fd_.reset();
  decoder_.Feed({buffer, static_cast<size_t>(n)});
  const std::optional<ControlDecoder::Frame> frame = decoder_.Next();
  if (decoder_.broken()) return fd_.reset();
  if (!frame.has_value()) return;
  absl::StatusOr<ControlRequest> request = ParseRequest(frame->payload);
  if (frame->type != ControlFrame::kRequest) return fd_.reset();
  if (request.ok()) {
    request_ = *std::move(request);
  } else {
    Finish(ControlFrame::kError, std::string(request.status().message()));
  }
}

void ControlClient::Write() {
  while (fd_.valid() && !out_.empty()) {
    const ssize_t n = send(fd_.get(), out_.data(), out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) return fd_.reset();
    out_.erase(0, static_cast<size_t>(n));
  }
}

void ControlServer::AddDescriptors(std::vector<pollfd>* fds) const {
  fds->push_back({listener_.get(), POLLIN, 0});
  for (const auto& client : clients_) {
    const bool write = !client->out_.empty();
    fds->push_back({client->fd_.get(), static_cast<int16_t>(write ? POLLIN | POLLOUT : POLLIN), 0});
  }
}

void ControlServer::Handle(std::span<const pollfd> fds) {
  for (size_t i = 1; i < fds.size() && i <= clients_.size(); ++i) {
    ControlClient& client = *clients_[i - 1];
    if ((fds[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0) client.Read();
    if ((fds[i].revents & POLLOUT) != 0) client.Write();
  }
  if (!fds.empty() && fds[0].revents != 0) Accept();
}

void ControlServer::Tidy() {
  for (const auto& client : clients_) client->Write();
  std::erase_if(clients_, [](const auto& client) {
    return !client->fd_.valid() || (client->finished_ && client->out_.empty());
  });
}

void ControlServer::Accept() {
  UniqueFd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd.valid() || !IsOurs(fd)) return;
  auto client = std::make_unique<ControlClient>(std::move(fd));
  if (clients_.size() >= kMaxClients) {
    client->Send(ControlFrame::kError, "the node has too many clients; end some of them");
    client->Write();
    return;
  }
  clients_.push_back(std::move(client));
}

}  // namespace bulkhead
