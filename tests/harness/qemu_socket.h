// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_TESTS_HARNESS_QEMU_SOCKET_H_
#define BULKHEAD_TESTS_HARNESS_QEMU_SOCKET_H_

#include <string>
#include <string_view>
#include <vector>

namespace bulkhead {

// A connection to one of QEMU's own servers (monitor, gdb stub), made before QEMU starts: no path,
// no port, and its end shows as soon as QEMU is gone. Whatever fails ends the test program.
class QemuSocket {
 public:
  // `name` of the chardev, and in messages.
  explicit QemuSocket(std::string name);
  ~QemuSocket();
  QemuSocket(const QemuSocket&) = delete;
  QemuSocket& operator=(const QemuSocket&) = delete;

  // For QEMU's command line.
  std::vector<std::string> QemuArguments() const;

  // Only once QEMU has been started.
  void Send(std::string_view bytes);
  char ReadByte();

  [[noreturn]] void Die(const std::string& what) const;

 private:
  const std::string name_;
  std::string buffer_;
  size_t used_ = 0;  // bytes of the buffer
  int ours_ = -1;
  int theirs_ = -1;
};

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_HARNESS_QEMU_SOCKET_H_
