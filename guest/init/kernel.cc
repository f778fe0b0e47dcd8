// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <fcntl.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "guest/init/files.h"
#include "guest/init/setup.h"

namespace bulkhead {
namespace {

constexpr char kLoadOrder[] = "/lib/modules/load-order";

MaybeFailure LoadModule(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoFailure("cannot open kernel module " + path);
  MaybeFailure failure;
  if (syscall(SYS_finit_module, fd, "", 0) != 0 && errno != EEXIST) {
    failure = ErrnoFailure("cannot load kernel module " + path);
  }
  close(fd);
  return failure;
}

}  // namespace

MaybeFailure LoadModules() {
  std::string order;
  if (!ReadFile(kLoadOrder, 64 * 1024, &order)) return ErrnoFailure(kLoadOrder);
  size_t start = 0;
  while (start < order.size()) {
    size_t end = order.find('\n', start);
    if (end == std::string::npos) end = order.size();
    if (end > start) BULKHEAD_RETURN_IF_FAILED(LoadModule(order.substr(start, end - start)));
    start = end + 1;
  }
  return {};
}

MaybeFailure BringLoopbackUp() {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return ErrnoFailure("cannot bring the loopback interface up");
  ifreq request = {};
  std::strncpy(request.ifr_name, "lo", sizeof(request.ifr_name) - 1);
  MaybeFailure failure;
  if (ioctl(fd, SIOCGIFFLAGS, &request) != 0) {
    failure = ErrnoFailure("cannot bring the loopback interface up");
  } else {
    request.ifr_flags |= IFF_UP;
    if (ioctl(fd, SIOCSIFFLAGS, &request) != 0) {
      failure = ErrnoFailure("cannot bring the loopback interface up");
    }
  }
  close(fd);
  return failure;
}

}  // namespace bulkhead
