#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright The Bulkhead Authors
#
# Which architecture's programs `./bulkhead` and tools/gdb build: every name that the command itself
# takes, written in each of the ways that it may be.
set -euo pipefail
HOME=${HOME:-$TEST_TMPDIR}
. "$1"

failed=0
expect() { # expect yes|no ARGUMENT...
  local want=$1 got=no
  shift
  if asks_for_arch 'arm64|aarch64' "$@"; then got=yes; fi
  [[ $got == "$want" ]] && return
  echo "FAILED: '$*' gives $got" >&2
  failed=1
}
expect yes run --arch arm64 example:hello
expect yes run --arch aarch64 example:hello
expect yes run --arch=arm64 example:hello
expect yes run --arch=aarch64 example:hello
expect yes run --memory 128M --arch aarch64
expect no run example:hello
expect no run --arch amd64 example:hello
expect no run --arch=x86_64 example:hello
expect no run --name aarch64 example:hello
expect no run --arch aarch64_be example:hello
exit $failed
