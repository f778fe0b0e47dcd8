# SPDX-License-Identifier: Apache-2.0
# Copyright The Bulkhead Authors
"""The architectures that nodes are built for, by uname's names."""

ARCHITECTURES = ["x86_64", "aarch64"]
