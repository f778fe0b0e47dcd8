# SPDX-License-Identifier: Apache-2.0
# Copyright The Bulkhead Authors
# shellcheck shell=bash
#
# A private apt directory: its own package lists and downloads, verified as the machine's are; the
# machine's configuration stays as it is. Its sources are the machine's own entries for the packages
# that are wanted, turned into entries for source packages or for another architecture.

# offering_entries PACKAGE...: "FILE:NUMBER" of each entry in apt's source lists that offers one of
# the packages. NUMBER is a line (one-line style) or a stanza (deb822 style).
offering_entries() {
  local description
  apt-cache policy "$@" | sed -n 's/^ *-\{0,1\}[0-9]\{1,\} \([a-z]*:.*\)$/\1/p' | sort -u |
    while read -r description; do
      apt-get indextargets --format '$(SOURCESENTRY)' \
        'Created-By: Packages' "Description: $description"
    done | sort -u
}

# copy_entry FILE:NUMBER DIR deb-src | copy_entry FILE:NUMBER DIR deb ARCH: writes that entry into
# DIR, for source packages or for the packages of an architecture.
copy_entry() {
  local file=${1%:*} number=${1##*:} dir=$2 type=$3 arch=${4:-} name
  name=bulkhead-${number}-$(basename "$file")
  case $file in
    *.sources)
      awk -v RS= -v want="$number" 'NR == want' "$file" |
        sed -E "s/^[Tt]ypes:.*/Types: $type/; /^[Aa]rchitectures:/d; /^[Ee]nabled:/d" \
          >"$dir/$name"
      ;;
    *)
      sed -n "${number}s/^[[:space:]]*deb[[:space:]]/$type /p" "$file" |
        sed -E "s/([[ ])arch[+-]?=[^] ]*/\1${arch:+arch=$arch}/" >"$dir/${name%.list}.list"
      ;;
  esac
}

# make_private_apt DIR PACKAGE... -- TYPE [ARCH]: makes DIR and sets the array private_apt to the
# options that make apt use it. The sources are those that offer the machine one of the packages.
make_private_apt() {
  local dir=$1 wanted=() entries entry
  shift
  while [[ $1 != -- ]]; do wanted+=("$1") && shift; done
  shift
  entries=$(offering_entries "${wanted[@]}")
  if [[ -z $entries ]]; then
    update_package_lists
    entries=$(offering_entries "${wanted[@]}")
    [[ -n $entries ]] || die "apt knows no ${wanted[*]}: is 'main' in its sources?"
  fi
  mkdir -p "$dir"/{sources.d,state/lists/partial,cache/archives/partial}
  : >"$dir/state/status"
  for entry in $entries; do copy_entry "$entry" "$dir/sources.d" "$@"; done
  private_apt=(-o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$dir/sources.d"
    -o "Dir::State=$dir/state" -o "Dir::State::Lists=$dir/state/lists"
    -o "Dir::State::status=$dir/state/status" -o "Dir::Cache=$dir/cache"
    -o Acquire::Languages=none)
  [[ -n ${2:-} ]] && private_apt+=(-o "APT::Architecture=$2" -o "APT::Architectures=$2")
  apt_get "${private_apt[@]}" update || die "cannot get lists of packages: is there a network?"
}
