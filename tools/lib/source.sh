# SPDX-License-Identifier: Apache-2.0
# Copyright The Bulkhead Authors
# shellcheck shell=bash
#
# Sources of a Debian package, verified by apt. Needs private_apt.sh.

# fetch_source SOURCE BINARY DIR: unpacks the sources of package SOURCE, with Debian's patches, into
# DIR, in one step, when there is none. BINARY is a package made from them: its version is taken.
fetch_source() (
  set -euo pipefail
  local source=$1 binary=$2 dir=$3 work version want private_apt
  [[ -d $dir ]] && return 0

  mkdir -p "${dir%/*}"
  work=$(mktemp -d "${dir%/*}/.fetch.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  mkdir "$work/download"

  say "fetching the sources of $source (nothing is installed)"
  make_private_apt "$work/apt" "$binary" -- deb-src
  # Exactly the version whose headers the package manager would install.
  version=$(apt-cache policy "$binary" | sed -n 's/^ *Candidate: //p')
  want=$source=${version%+b[0-9]*}
  (cd "$work/download" && apt_get "${private_apt[@]}" source --download-only "$want") ||
    die "cannot download the sources of package $want"
  # apt has checked them against the signed list.
  dpkg-source --no-check -x "$work"/download/*.dsc "$work/out" >/dev/null ||
    die "cannot unpack the sources of package $want"
  mv "$work/out" "$dir"
)
