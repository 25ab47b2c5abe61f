# shellcheck shell=bash
# Kernel, its modules for both stages, and the initramfs.

pick_modules() {
  local kernels=("$PKG"/boot/vmlinuz-*)
  [ -f "${kernels[0]}" ] || die "the package $KERNEL_PACKAGE brought no kernel"
  KVER=${kernels[0]##*/vmlinuz-}
  cp "${kernels[0]}" "$MADE/vmlinuz"
  depmod -b "$PKG" "$KVER"
  INITRAMFS=$WORK/initramfs
  merged_usr "$INITRAMFS"
  copy_modules "modules-boot.$KERNEL" "$INITRAMFS"
  copy_modules modules-root "$TREE"
  # Drivers of the boot stage stay loadable in the root: a second network part may turn up later.
  copy_modules "modules-boot.$KERNEL" "$TREE"
  index_modules "$INITRAMFS"
  index_modules "$TREE"
}

# Copies the modules of a list and what they depend on, unpacked: the kernel image is compressed as a whole.
copy_modules() {
  local name optional file
  while IFS= read -r name; do
    optional=${name%%[!?]*} name=${name#\?}
    modprobe -d "$PKG" -S "$KVER" -D "$name" >"$WORK/depends" 2>/dev/null || {
      [ -n "$optional" ] && continue
      die "boot/image/$1: kernel $KVER has no module '$name'; put ? in front if that is fine"
    }
    while read -r _ file _; do
      copy_module "${file#"$PKG"}" "$2"
    done < <(grep '^insmod ' "$WORK/depends")
  done < <(list "$1")
}

copy_module() {
  local from=$PKG$1 to=$2/usr/lib/modules/${1#*/lib/modules/}
  to=${to%.xz}
  to=${to%.zst}
  [ -e "$to" ] && return 0
  mkdir -p "${to%/*}"
  case $from in
    *.xz) xz -dc "$from" >"$to" ;;
    *.zst) zstd -qdc "$from" >"$to" ;;
    *) cp "$from" "$to" ;;
  esac
}

index_modules() {
  cp "$PKG/lib/modules/$KVER"/modules.{builtin,builtin.modinfo,order} "$1/usr/lib/modules/$KVER/" 2>/dev/null || true
  depmod -b "$1" "$KVER"
}

# Gzip at a low level: Debian's kernel unpacks it, and the boot stage is small anyway.
pack_initramfs() {
  cp "$PKG/usr/bin/busybox" "$INITRAMFS/usr/bin/"
  mkdir -p "$INITRAMFS"/{dev,etc,proc,run,sys}
  local name
  for name in $("$PKG/usr/bin/busybox" --list); do
    [ "$name" = busybox ] || ln -s busybox "$INITRAMFS/usr/bin/$name"
  done
  # the kernel asks for modules (a network card's PHY) by this path
  ln -s ../bin/busybox "$INITRAMFS/usr/sbin/modprobe"
  install -m 755 "$REPO/apkovl/usr/bin/genid" "$INITRAMFS/usr/bin/genid"
  install -m 755 "$REPO/boot/initramfs/init" "$INITRAMFS/init"
  install -m 755 "$REPO/boot/initramfs/dhcp-event" "$INITRAMFS/usr/bin/dhcp-event"
  (cd "$INITRAMFS" && find . -exec touch -h -d @0 {} + && find . -print0 | sort -z |
    cpio -0 -o -H newc -R 0:0 --reproducible --quiet | gzip -n -6) >"$MADE/initramfs"
}
