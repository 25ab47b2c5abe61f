# shellcheck shell=bash
# Package resolution and download with apt, beside the machine's own package state.

# With an empty status file apt resolves the whole closure, whatever this machine has installed.
# Its own archive folder stays empty: apt leaves out of --print-uris what it finds there.
apt() {
  local options=(
    -o Dir::State::status="$CACHE/apt/status"
    -o Dir::State::lists="$LISTS"
    -o Dir::Cache="$CACHE/apt"
    -o APT::Sandbox::User="$(id -un)"
    -o Debug::NoLocking=1
  )
  apt-get "${options[@]}" "$@"
}

# The machine's lists serve when there are any; else the cache gets its own, which needs no root.
choose_lists() {
  LISTS=/var/lib/apt/lists
  mkdir -p "$CACHE/apt/archives/partial" "$CACHE/debs"
  : >"$CACHE/apt/status"
  if [ -d "$CACHE/apt/lists" ] || ! compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null; then
    LISTS=$CACHE/apt/lists
    compgen -G "$LISTS/*_Packages*" >/dev/null || update_lists
  fi
}

update_lists() {
  LISTS=$CACHE/apt/lists
  mkdir -p "$LISTS/partial"
  apt -qq update || die "apt-get update failed: is the Debian mirror of /etc/apt/sources.list reachable?"
}

# A few bytes that change whenever the lists do.
lists_state() { (cd "$LISTS" && stat -c '%n %s %Y' ./*_Packages* 2>/dev/null) | sha256sum | cut -c1-16; }

# Fills $CACHE/apt/wanted.<kernel> with "name version file bytes" of every package of the closure, sorted.
resolve_packages() {
  local names
  names=$(list packages | sed "s/^KERNEL\$/$KERNEL_PACKAGE/")
  # shellcheck disable=SC2086 # a list of names
  apt --no-install-recommends -y -qq --print-uris install $names >"$CACHE/apt/uris" ||
    die "apt cannot resolve the packages of boot/image/packages: this needs Debian's package lists"
  sed -n "s/^'[^']*' \([^ ]* [0-9]*\) .*/\1/p" "$CACHE/apt/uris" | without_skipped | sort >"$CACHE/apt/wanted.$KERNEL"
  PACKAGES_HASH=$(sha256sum <"$CACHE/apt/wanted.$KERNEL" | cut -c1-16)
}

# "name_version_arch.deb bytes" in, "name version file bytes" out
without_skipped() {
  local file bytes name version pattern
  while read -r file bytes; do
    name=${file%%_*} version=${file#*_}
    version=${version%_*}
    while IFS= read -r pattern; do
      # shellcheck disable=SC2053 # a pattern on purpose
      [[ $name == $pattern ]] && continue 2
    done < <(list skip)
    printf '%s %s %s %s\n' "$name" "${version//%3a/:}" "$file" "$bytes"
  done
}

fetch_packages() {
  fetch_absent && return
  # Old lists may name files the mirror has replaced since; new lists name the new ones.
  update_lists
  resolve_packages
  fetch_absent || die "the download of Debian packages failed: is the mirror of /etc/apt/sources.list reachable?"
}

fetch_absent() {
  local name version file bytes total=0 absent=()
  while read -r name version file bytes; do
    [ -f "$CACHE/debs/$file" ] && continue
    absent+=("$name=$version")
    total=$((total + bytes))
  done <"$CACHE/apt/wanted.$KERNEL"
  [ ${#absent[@]} = 0 ] && return
  echo "build-image: fetching ${#absent[@]} packages, $((total / 1000000)) MB"
  (cd "$CACHE/debs" && apt -qq download "${absent[@]}" >/dev/null)
}

# Forgets downloads that no image is made of any more.
drop_old_packages() {
  local deb
  for deb in "$CACHE"/debs/*.deb; do
    grep -qF " ${deb##*/}" "$CACHE"/apt/wanted.* || rm -f "$deb"
  done
}

# All packages go into one merged-usr tree. tar, not dpkg-deb -x, because that replaces the links by folders.
unpack_packages() {
  merged_usr "$PKG"
  export PKG
  cut -d' ' -f3 "$CACHE/apt/wanted.$KERNEL" | sed "s|^|$CACHE/debs/|" | xargs -P"$(nproc)" -n4 bash -c '
    set -euo pipefail
    for deb; do
      dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$PKG" --keep-directory-symlink --no-same-owner --no-same-permissions \
        --exclude="./usr/share/doc" --exclude="./usr/share/man" --exclude="./usr/share/locale"
    done' _
}

merged_usr() {
  local dir
  for dir in bin sbin lib lib64; do
    mkdir -p "$1/usr/$dir"
    ln -sfn "usr/$dir" "$1/$dir"
  done
}
