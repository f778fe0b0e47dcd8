// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "tests/harness/gdb_stub.h"

#include <cstdio>
#include <cstdlib>

namespace bulkhead {
namespace {

std::string HexByte(unsigned value) {
  char text[3];
  std::snprintf(text, sizeof(text), "%02x", value & 0xff);
  return text;
}

std::string HexNumber(uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof(text), "%llx", static_cast<unsigned long long>(value));
  return text;
}

// Registers travel in the target's byte order.
std::string LittleEndian(uint64_t value) {
  std::string text;
  for (int i = 0; i < 8; ++i, value >>= 8) text += HexByte(static_cast<unsigned>(value));
  return text;
}

std::string Number(GdbRegister which) { return HexNumber(static_cast<uint64_t>(which)); }

}  // namespace

std::vector<std::string> GdbStub::QemuArguments() const {
  std::vector<std::string> arguments = socket_.QemuArguments();
  arguments.insert(arguments.end(), {"-gdb", "chardev:gdb"});
  return arguments;
}

void GdbStub::SendPacket(std::string_view payload) {
  unsigned sum = 0;
  for (const char c : payload) sum += static_cast<unsigned char>(c);
  socket_.Send("$" + std::string(payload) + "#" + HexByte(sum));
}

std::string GdbStub::ReadPacket() {
  // Acknowledgements come between packets. The connection loses nothing, so that they say nothing.
  while (socket_.ReadByte() != '$') {
  }
  std::string payload;
  for (char c = socket_.ReadByte(); c != '#'; c = socket_.ReadByte()) payload.push_back(c);
  (void)socket_.ReadByte();
  (void)socket_.ReadByte();
  socket_.Send("+");
  return payload;
}

std::string GdbStub::Ask(std::string_view payload) {
  SendPacket(payload);
  return ReadPacket();
}

void GdbStub::Do(std::string_view payload) {
  const std::string answer = Ask(payload);
  if (answer != "OK") socket_.Die(std::string(payload) + " was answered with '" + answer + "'");
}

void GdbStub::WaitForStop() {
  const std::string answer = ReadPacket();
  if (!answer.starts_with("T")) socket_.Die("stopped with '" + answer + "'");
}

// QEMU gives single registers only to who has asked for their description.
void GdbStub::AskForRegisters() { (void)Ask("qXfer:features:read:target.xml:0,ffb"); }

void GdbStub::Attach() {
  SendPacket("?");
  WaitForStop();
  AskForRegisters();
}

void GdbStub::Interrupt() {
  socket_.Send("\x03");
  WaitForStop();
  AskForRegisters();
}

void GdbStub::RunTo(uint64_t address) {
  const std::string breakpoint = "1," + HexNumber(address) + ",1";  // kind 1: by hardware
  Do("Z" + breakpoint);
  SendPacket("c");
  WaitForStop();
  Do("z" + breakpoint);
}

uint64_t GdbStub::ReadRegister(GdbRegister which) {
  const std::string answer = Ask("p" + Number(which));
  if (answer.size() != 16) socket_.Die("register was answered with '" + answer + "'");
  return __builtin_bswap64(std::strtoull(answer.c_str(), nullptr, 16));
}

void GdbStub::WriteRegister(GdbRegister which, uint64_t value) {
  Do("P" + Number(which) + "=" + LittleEndian(value));
}

// The machine may end before it could say OK.
void GdbStub::Detach() { SendPacket("D"); }

}  // namespace bulkhead
