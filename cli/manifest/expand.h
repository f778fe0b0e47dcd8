// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_MANIFEST_EXPAND_H_
#define BULKHEAD_CLI_MANIFEST_EXPAND_H_

#include <string>
#include <vector>

namespace bulkhead {

// Kubernetes' references in `text`: $(NAME) becomes the value of NAME in `env` (NAME=VALUE), the
// last one if there are several; $$ becomes $. A name that is not in `env` stays as it is.
std::string ExpandReferences(const std::string& text, const std::vector<std::string>& env);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_MANIFEST_EXPAND_H_
