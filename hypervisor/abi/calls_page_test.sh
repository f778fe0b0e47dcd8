#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright The Bulkhead Authors
#
# docs/calls.md must be what generate.py makes today.
if ! diff -u "$2" "$1"; then
  echo "docs/calls.md is out of date: python3 hypervisor/abi/generate.py" \
    "hypervisor/abi/calls.toml page docs/calls.md"
  exit 1
fi
