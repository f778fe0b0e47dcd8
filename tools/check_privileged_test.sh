#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright The Bulkhead Authors
#
# tools/check_privileged on trees made here.
set -euo pipefail
check=$PWD/$1
cd "$TEST_TMPDIR"
mkdir -p tree/{hypervisor/testing,arch/x86_64/include/arch,arch/fake,base,boot,virtio}
cat >tree/hypervisor/core.cc <<'END'
#include "arch/cpu.h"
#include "base/format.h"
#include "boot/elf.h"

#include <span>
// A comment.
/* Another
   comment. */
int number = 1;  // code
const char* text = "// no comment";
END
echo 'int cpu();' >tree/arch/x86_64/include/arch/cpu.h
echo '#include <vector>' >tree/arch/fake/machine.cc
echo '#include <string>' >tree/hypervisor/testing/node.cc
echo '#include <string>' >tree/hypervisor/core_test.cc
echo '#include <cstdint>' >tree/base/format.h
echo '#include "base/format.h"' >tree/boot/elf.h
echo 'int table;' >tree/virtio/queue.h

fail() {
  echo "FAILED: $1" >&2
  cat out >&2
  exit 1
}
"$check" --root tree >out || fail "a clean tree"
grep -qE '^ +6 +10  hypervisor$' out || fail "count of hypervisor"
grep -qE '^ +1 +1  arch/x86_64$' out || fail "count of arch/x86_64"
grep -qE '^ +7 +11  together$' out || fail "count"

# expect TEXT FILE INCLUDE: adding the include to the file is found.
expect() {
  cp -r tree changed
  echo "#include $3" >>"changed/$2"
  if "$check" --root changed >out; then fail "$3 in $2 was not found"; fi
  grep -qF "$1" out || fail "no such message: $1"
  rm -r changed
}
expect 'hypervisor/core.cc:11: <vector>' hypervisor/core.cc '<vector>'
expect 'hypervisor/core.cc:11: "virtio/queue.h"' hypervisor/core.cc '"virtio/queue.h"'
expect 'hypervisor/core.cc:11: "boot/pod_config.h"' hypervisor/core.cc '"boot/pod_config.h"'
expect 'base/format.h:2: <string>' base/format.h '<string>'
expect 'boot/elf.h:2: "control/pod.h"' boot/elf.h '"control/pod.h"'
expect 'arch/x86_64/include/arch/cpu.h:2: <functional>' arch/x86_64/include/arch/cpu.h '<functional>'
