# shellcheck shell=bash
# The finished image in the cache, the memory of what it was made from, and the copy to the served folders.

image() { echo "$CACHE/image.$KERNEL"; }

inputs() { echo "$(recipe_hash) $(lists_state)"; }

image_is_current() {
  choose_lists
  [ -f "$(image)/image.json" ] && [ "$(cat "$(image)/.inputs" 2>/dev/null)" = "$(inputs)" ]
}

image_has_these_packages() {
  [ -f "$(image)/image.json" ] && [ "$(cat "$(image)/.made-from" 2>/dev/null)" = "$(recipe_hash) $PACKAGES_HASH" ]
}

image_date() { date -r "$(image)/image.json" '+%F %T'; }

remember_inputs() { inputs >"$(image)/.inputs"; }

keep_image() {
  cp "$PKG/usr/lib/ipxe/undionly.kpxe" "$PKG/usr/lib/ipxe/snponly.efi" "$MADE/"
  echo "$(recipe_hash) $PACKAGES_HASH" >"$MADE/.made-from"
  describe_image >"$MADE/image.json"
  chmod 644 "$MADE"/*
  chmod 755 "$MADE"
  rm -rf "$(image).old"
  [ ! -e "$(image)" ] || mv "$(image)" "$(image).old"
  mv "$MADE" "$(image)"
  rm -rf "$(image).old"
}

describe_image() {
  local file
  printf '{\n  "kernel": "%s",\n  "kernelVersion": "%s",\n  "recipe": "%s",\n  "node": "%s",\n  "sizes": {' \
    "$KERNEL" "$KVER" "$(recipe_hash)-$PACKAGES_HASH" "$("$NODE" --version)"
  local comma=
  for file in vmlinuz initramfs root.squashfs; do
    printf '%s\n    "%s": %d' "$comma" "$file" "$(stat -c %s "$MADE/$file")"
    comma=,
  done
  printf '\n  },\n  "packages": {'
  awk '{ printf "%s\n    \"%s\": \"%s\"", (NR > 1 ? "," : ""), $1, $2 }' "$CACHE/apt/wanted.$KERNEL"
  printf '\n  }\n}\n'
}

publish_image() {
  mkdir -p "$OUT/http/boot" "$OUT/tftp"
  local file
  for file in vmlinuz initramfs root.squashfs image.json; do publish "$file" "$OUT/http/boot"; done
  for file in undionly.kpxe snponly.efi; do publish "$file" "$OUT/tftp"; done
  echo "build-image: $OUT/http/boot has kernel $(sed -n 's/.*"kernelVersion": "\(.*\)",/\1/p' "$(image)/image.json")," \
    "root.squashfs $(($(stat -Lc %s "$(image)/root.squashfs") / 1000000)) MB," \
    "initramfs $(($(stat -Lc %s "$(image)/initramfs") / 1000)) kB"
}

# A hard link where the file system allows it, a copy otherwise; a reader never sees half a file.
publish() {
  local from to=$2/$1 temp=$2/.$1.$$
  from=$(image)/$1
  [ "$from" -ef "$to" ] || cmp -s "$from" "$to" && return 0
  ln "$from" "$temp" 2>/dev/null || cp "$from" "$temp"
  mv -f "$temp" "$to"
}
