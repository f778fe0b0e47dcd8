# SPDX-License-Identifier: Apache-2.0
# Copyright The Bulkhead Authors
# shellcheck shell=bash
#
# Sources of a Debian package, verified by apt, without touching the machine's apt configuration:
# the machine's own entry for the package's repository, turned into a source entry, is the only
# one in a private apt directory.

# source_entries BINARY-PACKAGE: "FILE:NUMBER" of each entry in apt's source lists that offers the
# package. NUMBER is a line (one-line style) or a stanza (deb822 style).
source_entries() {
  local description
  apt-cache policy "$1" | sed -n 's/^ *-\{0,1\}[0-9]\{1,\} \([a-z]*:.*\)$/\1/p' | sort -u |
    while read -r description; do
      apt-get indextargets --format '$(SOURCESENTRY)' \
        'Created-By: Packages' "Description: $description"
    done | sort -u
}

# as_source_entry FILE:NUMBER DIR: writes that entry, as one for sources, into DIR.
as_source_entry() {
  local file=${1%:*} number=${1##*:} dir=$2 name
  name=bulkhead-${number}-$(basename "$file")
  case $file in
    *.sources)
      awk -v RS= -v want="$number" 'NR == want' "$file" |
        sed -E 's/^[Tt]ypes:.*/Types: deb-src/; /^[Aa]rchitectures:/d; /^[Ee]nabled:/d' \
          >"$dir/$name"
      ;;
    *) sed -n "${number}s/^[[:space:]]*deb[[:space:]]/deb-src /p" "$file" >"$dir/${name%.list}.list" ;;
  esac
}

# fetch_source SOURCE BINARY DIR: unpacks the sources of package SOURCE, with Debian's patches, into
# DIR, in one step, when there is none. BINARY is a package made from them: its version is taken.
fetch_source() (
  set -euo pipefail
  local source=$1 binary=$2 dir=$3 work entries entry version want
  [[ -d $dir ]] && return 0

  mkdir -p "${dir%/*}"
  work=$(mktemp -d "${dir%/*}/.fetch.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$work"/{sources.d,state/lists/partial,cache/archives/partial,download}

  entries=$(source_entries "$binary")
  if [[ -z $entries ]]; then
    say "asking for the current package lists (apt-get update)"
    as_root apt-get -q update >&2 || die "apt-get update failed: is there a network?"
    entries=$(source_entries "$binary")
    [[ -n $entries ]] || die "apt knows no $binary: is 'main' in its sources?"
  fi
  for entry in $entries; do as_source_entry "$entry" "$work/sources.d"; done

  # Exactly the version whose headers the package manager would install.
  version=$(apt-cache policy "$binary" | sed -n 's/^ *Candidate: //p')
  want=$source=${version%+b[0-9]*}
  local private=(-o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$work/sources.d"
    -o "Dir::State=$work/state" -o "Dir::State::Lists=$work/state/lists"
    -o Dir::State::status=/var/lib/dpkg/status -o "Dir::Cache=$work/cache"
    -o Acquire::Languages=none)
  say "fetching the sources of $source (package $want; nothing is installed)"
  apt_get "${private[@]}" update || die "cannot get the list of source packages: is there a network?"
  (cd "$work/download" && apt_get "${private[@]}" source --download-only "$want") ||
    die "cannot download the sources of package $want"
  # apt has checked them against the signed list.
  dpkg-source --no-check -x "$work"/download/*.dsc "$work/out" >/dev/null ||
    die "cannot unpack the sources of package $want"
  mv "$work/out" "$dir"
)
