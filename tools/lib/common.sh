# SPDX-License-Identifier: Apache-2.0
# Copyright The Bulkhead Authors
# shellcheck shell=bash
#
# What the scripts in tools/ share. Sourced, never run. Everything said here goes to stderr:
# stdout belongs to the container that `bulkhead run` starts.

# A CI job may start with next to no environment. Bazel and the cache need HOME and USER.
export PATH="${PATH:-/usr/local/bin:/usr/bin:/bin}:/usr/sbin:/sbin"
: "${USER:=$(id -un 2>/dev/null || id -u)}"
if [[ -z ${HOME:-} ]]; then
  HOME=$(getent passwd "$(id -u)" 2>/dev/null | cut -d: -f6)
  [[ -n $HOME && -w $HOME ]] || HOME=/var/tmp/bulkhead-home-$(id -u)
  mkdir -p "$HOME"
fi
export HOME USER

BULKHEAD_CACHE=${BULKHEAD_CACHE:-$HOME/.cache/bulkhead}
export BULKHEAD_CACHE

say() { printf 'bulkhead: %s\n' "$*" >&2; }

# Our own failure has exit status 125, as podman's has: the container's never reaches it.
die() {
  printf 'bulkhead: error: %s\n' "$*" >&2
  exit 125
}

# as_root COMMAND...: runs it as root, with sudo when that is needed.
as_root() {
  if ((EUID == 0)); then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "root or sudo is needed to run: $*"
  fi
}

# apt-get wants its own user to be able to read what it downloads, which a private directory does
# not allow; downloads are verified whoever makes them. Its progress goes to stderr.
apt_get() { apt-get -q -o APT::Sandbox::User= -o Dpkg::Use-Pty=0 "$@" >&2; }

# asks_for_arch NAME|NAME ARGUMENT...: whether `bulkhead` is given --arch with one of the names. The
# container's words count, too: for what asks, one architecture too many does no harm.
asks_for_arch() {
  local names=$1
  shift
  [[ " $* " =~ ' --arch'[=' ']($names)' ' ]]
}

update_package_lists() {
  say "asking for the current package lists (apt-get update)"
  as_root apt-get -q update >&2 || die "apt-get update failed: is there a network?"
}
