#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright The Bulkhead Authors
#
# run_clang_tidy.sh STAMP CONFIG SOURCE COMPILER-FLAG...: makes STAMP if clang-tidy finds nothing.
# Run by clang_tidy.bzl.
set -euo pipefail
stamp=$1 config=$2 source=$3
shift 3
tidy=$(command -v "clang-tidy-${BULKHEAD_LLVM:-19}" || command -v clang-tidy) || {
  echo "clang-tidy-19 is missing (apt install clang-tidy-19)"
  exit 1
}
if ! output=$("$tidy" --quiet --config-file="$config" "$source" -- "$@" 2>&1); then
  # How many warnings there were in other people's headers is noise.
  grep -vE '^[0-9]+ warnings? (generated|treated)|^Suppressed|^Use -header-filter' <<<"$output"
  exit 1
fi
: >"$stamp"
