// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/loopback.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>

#include "absl/strings/str_format.h"
#include "cli/failure.h"

namespace bulkhead {
namespace {

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// The inode of the socket whose own port this is and whose peer's is `peer_port`; empty: there is
// none. proc(5), /proc/net/tcp: addresses in the machine's byte order, ports as numbers.
std::string SocketInode(uint16_t port, uint16_t peer_port) {
  const uint32_t address = htonl(INADDR_LOOPBACK);
  const std::string local = absl::StrFormat("%08X:%04X", address, port);
  const std::string remote = absl::StrFormat("%08X:%04X", address, peer_port);
  std::ifstream table("/proc/net/tcp");
  for (std::string line; std::getline(table, line);) {
    std::istringstream words(line);
    std::string number, its_local, its_remote, state, queues, timer, retries, user, probes, inode;
    words >> number >> its_local >> its_remote >> state >> queues >> timer >> retries >> user >>
        probes >> inode;
    if (its_local == local && its_remote == remote) return inode;
  }
  return "";
}

bool HasSocket(pid_t pid, const std::string& inode) {
  const std::string wanted = "socket:[" + inode + "]";
  std::error_code error;
  for (const auto& file :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd", error)) {
    if (std::filesystem::read_symlink(file.path(), error) == wanted) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<LoopbackListener> LoopbackListener::Create() {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in address = Loopback(0);
  socklen_t length = sizeof(address);
  auto* const raw = reinterpret_cast<sockaddr*>(&address);
  if (!fd.valid() || bind(fd.get(), raw, length) != 0 || listen(fd.get(), 8) != 0 ||
      getsockname(fd.get(), raw, &length) != 0) {
    return ErrnoFailure("cannot listen on 127.0.0.1", errno);
  }
  return LoopbackListener(std::move(fd), ntohs(address.sin_port));
}

UniqueFd LoopbackListener::Accept(pid_t pid) {
  sockaddr_in peer = {};
  socklen_t length = sizeof(peer);
  UniqueFd connection(accept4(fd_.get(), reinterpret_cast<sockaddr*>(&peer), &length,
                              SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!connection.valid()) return connection;
  const std::string inode = SocketInode(ntohs(peer.sin_port), port_);
  if (inode.empty() || !HasSocket(pid, inode)) return UniqueFd();
  const int on = 1;
  (void)setsockopt(connection.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return connection;
}

}  // namespace bulkhead
