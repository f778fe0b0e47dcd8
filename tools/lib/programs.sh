# SPDX-License-Identifier: Apache-2.0
# Copyright The Bulkhead Authors
# shellcheck shell=bash
#
# What guests of another architecture than this machine's are made of: the packages whose installed
# files serve guests of this machine's architecture (tools/packages.txt, "Put into guests"), with
# all that they depend on, unpacked, not installed. Nothing in them can be run here, nor is.

# fetch_programs DIR PACKAGE... -- APT-OPTION...: makes DIR, the root of a Debian file tree, in one
# step, when there is none. The options name a private apt directory (private_apt.sh) without any
# installed package, so that apt finds all dependencies.
fetch_programs() (
  set -euo pipefail
  local dir=$1 packages=() work deb
  shift
  while [[ $1 != -- ]]; do packages+=("$1") && shift; done
  shift
  [[ -d $dir ]] && return 0

  mkdir -p "${dir%/*}"
  work=$(mktemp -d "${dir%/*}/.fetch.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  say "fetching ${packages[*]} and what they need (unpacked, not installed)"
  mkdir -p "$work/debs/partial"
  apt_get "$@" -o "Dir::Cache::archives=$work/debs" install --download-only -y \
    --no-install-recommends "${packages[@]}" || die "cannot download the packages ${packages[*]}"
  # As on an installed system, programs and libraries are in /usr whichever place a package uses.
  mkdir -p "$work/out/usr"/{bin,lib,sbin}
  ln -s usr/bin usr/lib usr/sbin "$work/out/"
  for deb in "$work"/debs/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" |
      tar -x --no-same-owner --keep-directory-symlink -C "$work/out" ||
      die "cannot unpack ${deb##*/}"
  done
  mv "$work/out" "$dir"
)
