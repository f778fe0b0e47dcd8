// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_TESTS_WX_MONITOR_H_
#define BULKHEAD_TESTS_WX_MONITOR_H_

#include <string>
#include <vector>

#include "tests/harness/qemu_socket.h"

namespace bulkhead {

// A connection to QEMU's monitor (QMP), made before QEMU starts.
class Monitor {
 public:
  Monitor() : socket_("monitor") {}

  // For QEMU's command line.
  std::vector<std::string> QemuArguments() const;

  // Runs a command of the human monitor; its output. Ends the test program if QEMU does not answer.
  std::string Run(const std::string& command);

 private:
  // Sends a QMP command and returns what it returned.
  std::string Execute(const std::string& json);

  QemuSocket socket_;
  bool ready_ = false;
};

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_WX_MONITOR_H_
