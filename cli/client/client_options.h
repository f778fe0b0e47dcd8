// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_CLIENT_CLIENT_OPTIONS_H_
#define BULKHEAD_CLI_CLIENT_CLIENT_OPTIONS_H_

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"

namespace bulkhead {

inline constexpr char kDefaultNode[] = "node";

enum class ClientCommand { kPs, kLogs, kTop, kStop, kDown };

// The commands that talk to a node.
struct ClientOptions {
  ClientCommand command = ClientCommand::kPs;
  std::string node;  // empty, with kPs: all
  std::vector<std::string> pods;
  std::string container;         // kLogs; empty: all
  bool json = false;             // kPs
  bool follow = false;           // kLogs
  bool once = false;             // kTop
  std::optional<uint64_t> tail;  // kLogs: lines
  std::optional<uint64_t> time;  // kStop, kDown: grace period in seconds
};

class ClientOptionParser {
 public:
  // The subcommands, of `app`; it must live until Finish.
  void AddTo(CLI::App* app);
  // The one of them that was parsed; null: none.
  const CLI::App* parsed() const;
  // After parsing, if there is one.
  absl::StatusOr<ClientOptions> Finish();

 private:
  CLI::App* Add(CLI::App* app, ClientCommand command, const char* name, const char* summary,
                const char* description, const char* footer);

  ClientOptions options_;
  std::array<CLI::App*, 5> commands_ = {};  // by ClientCommand
  std::string format_ = "table";
  uint64_t tail_ = 0;
  uint64_t time_ = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_CLIENT_CLIENT_OPTIONS_H_
