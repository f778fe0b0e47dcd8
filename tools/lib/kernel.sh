# SPDX-License-Identifier: Apache-2.0
# Copyright The Bulkhead Authors
# shellcheck shell=bash
#
# The guest kernel: Debian's stock cloud kernel, unpacked from its package, not installed.
#   $BULKHEAD_CACHE/kernel/ARCH/vmlinuz   bzImage (amd64) or Image (arm64), as packaged
#   $BULKHEAD_CACHE/kernel/ARCH/modules/  what /lib/modules/VERSION holds
#   $BULKHEAD_CACHE/kernel/ARCH/version   VERSION, as `uname -r` has it
# ARCH is Debian's name.

# kernel_package ARCH [APT-OPTION...]: the package that the always-current package depends on: its
# name has the version in it.
kernel_package() {
  local arch=$1
  shift
  apt-cache "$@" depends --no-recommends --no-suggests "linux-image-cloud-$arch" 2>/dev/null |
    sed -n "s/^ *Depends: \(linux-image-[0-9].*-cloud-$arch\)\$/\1/p" | head -n 1
}

# fetch_kernel ARCH DIR [APT-OPTION...]: makes DIR, in one step, when there is none. With options,
# they name a private apt directory (private_apt.sh), whose lists are current.
fetch_kernel() (
  set -euo pipefail
  local arch=$1 dir=$2 package work version tree
  shift 2
  [[ -e $dir/version ]] && return 0
  command -v apt-get >/dev/null || die "the guest kernel comes from a Debian package: no apt-get"

  package=$(kernel_package "$arch" "$@" || true)
  if [[ -z $package ]] && (($# == 0)); then
    update_package_lists
    package=$(kernel_package "$arch" || true)
  fi
  [[ -n $package ]] || die "apt knows no linux-image-cloud-$arch: is 'main' in its sources?"

  mkdir -p "${dir%/*}"
  work=$(mktemp -d "${dir%/*}/.fetch.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  mkdir "$work/deb" "$work/root" "$work/out"
  say "fetching the guest kernel (package $package; it is unpacked, not installed)"
  if ! (cd "$work/deb" && apt_get "$@" download "$package"); then
    (($# == 0)) || die "cannot download package $package"
    # Old package lists name files that the archive has replaced.
    say "that failed: trying again with current package lists (apt-get update)"
    update_package_lists
    package=$(kernel_package "$arch")
    (cd "$work/deb" && apt_get download "$package") || die "cannot download package $package"
  fi
  dpkg-deb -x "$work"/deb/*.deb "$work/root" || die "cannot unpack package $package"

  version=${package#linux-image-}
  tree=$work/root/lib/modules/$version
  [[ -d $tree ]] || tree=$work/root/usr/lib/modules/$version
  [[ -d $tree && -f $work/root/boot/vmlinuz-$version ]] ||
    die "package $package does not hold a kernel $version and its modules"
  mv "$work/root/boot/vmlinuz-$version" "$work/out/vmlinuz"
  mv "$tree" "$work/out/modules"
  # Links to header packages, which would dangle.
  rm -f "$work/out/modules/build" "$work/out/modules/source"
  echo "$version" >"$work/out/version"
  rm -rf "$dir"
  mv "$work/out" "$dir"
)
