// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "tests/wx/monitor.h"

#include "nlohmann/json.hpp"

namespace bulkhead {
namespace {

using Json = nlohmann::json;

std::string ReadLine(QemuSocket& socket) {
  std::string line;
  for (char c = socket.ReadByte(); c != '\n'; c = socket.ReadByte()) line.push_back(c);
  return line;
}

}  // namespace

std::vector<std::string> Monitor::QemuArguments() const {
  std::vector<std::string> arguments = socket_.QemuArguments();
  arguments.insert(arguments.end(), {"-mon", "chardev=monitor,mode=control"});
  return arguments;
}

std::string Monitor::Execute(const std::string& json) {
  socket_.Send(json + "\n");
  for (;;) {
    const Json answer = Json::parse(ReadLine(socket_));
    if (answer.contains("error")) socket_.Die(answer.dump());
    if (!answer.contains("return")) continue;  // the greeting, or an event
    return answer["return"].is_string() ? answer["return"].get<std::string>() : "";
  }
}

std::string Monitor::Run(const std::string& command) {
  if (!ready_) {
    Execute(R"({"execute": "qmp_capabilities"})");
    ready_ = true;
  }
  return Execute(
      Json{{"execute", "human-monitor-command"}, {"arguments", {{"command-line", command}}}}
          .dump());
}

}  // namespace bulkhead
