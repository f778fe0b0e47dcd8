// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/user_lookup.h"

#include <algorithm>
#include <optional>

#include "cli/failure.h"

namespace bulkhead {
namespace {

using Fields = std::vector<std::string>;

Fields Split(const std::string& text, char separator) {
  Fields out(1);
  for (const char c : text) {
    if (c == separator) {
      out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  return out;
}

// What an account or a group is looked for by.
struct Wanted {
  std::string name;  // empty: by number only
  std::optional<uint32_t> number;
};

std::optional<uint32_t> Number(const std::string& text) {
  if (text.empty() || text.size() > 10) return std::nullopt;
  uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<uint64_t>(c - '0');
  }
  // Linux keeps the last one for "no change".
  if (value >= 0xffffffff) return std::nullopt;
  return static_cast<uint32_t>(value);
}

// NAME, NUMBER, or +NUMBER, which is never a name.
Wanted Parse(const std::string& text) {
  if (!text.empty() && text[0] == '+') return {"", Number(text.substr(1))};
  return {text, Number(text)};
}

struct Account {
  std::string name;
  uint32_t uid;
  uint32_t gid;
  std::string home;
};

std::optional<Account> FindAccount(const std::string& passwd, const Wanted& user) {
  std::optional<Account> by_number;
  for (const std::string& line : Split(passwd, '\n')) {
    const Fields fields = Split(line, ':');
    if (fields.size() < 6) continue;
    const std::optional<uint32_t> uid = Number(fields[2]);
    const std::optional<uint32_t> gid = Number(fields[3]);
    if (!uid.has_value() || !gid.has_value()) continue;
    const Account account = {fields[0], *uid, *gid, fields[5].empty() ? "/" : fields[5]};
    // A name of digits is still a name.
    if (!user.name.empty() && fields[0] == user.name) return account;
    if (user.number.has_value() && *uid == *user.number && !by_number.has_value())
      by_number = account;
  }
  return by_number;
}

}  // namespace

absl::StatusOr<ContainerUser> LookUpUser(const std::string& text, const std::string& passwd,
                                         const std::string& group) {
  const size_t colon = text.find(':');
  std::string user = text.substr(0, colon);
  const std::string group_name = colon == std::string::npos ? "" : text.substr(colon + 1);
  if (user.empty()) user = "0";

  ContainerUser out;
  const Wanted wanted_user = Parse(user);
  const std::optional<Account> account = FindAccount(passwd, wanted_user);
  if (account.has_value()) {
    out.uid = account->uid;
    out.gid = account->gid;
    out.home = account->home;
  } else if (wanted_user.number.has_value()) {
    out.uid = *wanted_user.number;
    if (out.uid == 0) out.home = "/root";
  } else {
    return Failure("there is no user '", Printable(user),
                   "' in the image; use one of its /etc/passwd, or a number");
  }

  std::optional<uint32_t> wanted;
  const Wanted wanted_group = Parse(group_name);
  for (const std::string& line : Split(group, '\n')) {
    const Fields fields = Split(line, ':');
    if (fields.size() < 3) continue;
    const std::optional<uint32_t> gid = Number(fields[2]);
    if (!gid.has_value()) continue;
    if (!group_name.empty()) {
      if (!wanted_group.name.empty() && fields[0] == wanted_group.name) wanted = gid;
      continue;
    }
    // The groups that list the user are its own, unless one was asked for.
    if (!account.has_value() || fields.size() < 4) continue;
    const Fields members = Split(fields[3], ',');
    if (std::find(members.begin(), members.end(), account->name) != members.end() &&
        out.additional_gids.size() < 1024) {
      out.additional_gids.push_back(*gid);
    }
  }
  if (!group_name.empty()) {
    if (!wanted.has_value()) wanted = wanted_group.number;
    if (!wanted.has_value()) {
      return Failure("there is no group '", Printable(group_name),
                     "' in the image; use one of its /etc/group, or a number");
    }
    out.gid = *wanted;
  }
  return out;
}

}  // namespace bulkhead
