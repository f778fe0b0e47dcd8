// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_TESTS_GUEST_GUEST_VM_H_
#define BULKHEAD_TESTS_GUEST_GUEST_VM_H_

// A guest in plain QEMU (virtio-mmio devices), with the test as the host's end of its agent
// channel.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "guest/agent/protocol.h"

namespace bulkhead {

// The virtual machine for an architecture.
struct GuestMachine {
  std::string qemu;                    // program
  std::vector<std::string> arguments;  // machine and CPU
};
// `arch` as uname has it: "x86_64" or "aarch64".
GuestMachine GuestMachineFor(std::string_view arch);

struct GuestVmOptions {
  GuestMachine machine;
  std::string kernel;  // as QEMU boots it: bzImage or Image
  std::string initrd;
  std::string disk;  // read-only virtio-blk disk
  std::string dir;   // for the socket and QEMU's output
};

class GuestVm {
 public:
  ~GuestVm();

  // Starts QEMU. False, with the reason in error(), if it does not connect to the test.
  bool Start(const GuestVmOptions& options);

  struct Message {
    AgentMessage type;
    uint8_t container;
    std::string payload;
  };
  // The next message of the guest; nothing at the end of the stream, when a message breaks the
  // protocol, or after two minutes (see error()).
  std::optional<Message> Receive();

  void SendRaw(std::string_view bytes);
  void Send(AgentMessage type, std::string_view payload);
  void Send(AgentMessage type, uint32_t value);

  // Whether there is something to read: lets a test write while the guest writes.
  bool Readable();

  // Waits for the guest to power off: QEMU's exit status; -1 if it has to be killed.
  int WaitForPowerOff();

  // What the kernel wrote on its console.
  std::string Console() const;
  const std::string& error() const { return error_; }

 private:
  std::string console_path_;
  std::string buffer_;
  std::string error_;
  pid_t qemu_ = -1;
  int socket_ = -1;
};

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_GUEST_GUEST_VM_H_
