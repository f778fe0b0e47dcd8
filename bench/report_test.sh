#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright The Bulkhead Authors
exec python3 -B -m unittest bench.report_test
