// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_TESTS_HARNESS_GDB_STUB_H_
#define BULKHEAD_TESTS_HARNESS_GDB_STUB_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/harness/qemu_socket.h"

namespace bulkhead {

// x86_64, as gdb numbers registers (gdb, features/i386/64bit-core.xml).
enum class GdbRegister { kRax, kRbx, kRcx, kRdx, kRsi, kRdi, kRbp, kRsp, kRip = 16 };

// A connection to QEMU's gdb stub (GDB manual, "Remote Protocol"), made before QEMU starts. Ends
// the test program if the stub does not do what it is asked.
class GdbStub {
 public:
  GdbStub() : socket_("gdb") {}

  // For QEMU's command line.
  std::vector<std::string> QemuArguments() const;

  // Takes over a machine that was started with -S and has not run yet.
  void Attach();
  // Stops the running machine.
  void Interrupt();
  // Runs the stopped machine until it is about to execute what lies at this virtual address.
  void RunTo(uint64_t address);
  // Of the stopped machine.
  uint64_t ReadRegister(GdbRegister which);
  void WriteRegister(GdbRegister which, uint64_t value);
  // Lets the machine run for good.
  void Detach();

 private:
  void SendPacket(std::string_view payload);
  std::string ReadPacket();
  std::string Ask(std::string_view payload);
  // Asks for what is answered with OK.
  void Do(std::string_view payload);
  void WaitForStop();
  void AskForRegisters();

  QemuSocket socket_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_HARNESS_GDB_STUB_H_
