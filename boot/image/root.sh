# shellcheck shell=bash
# The root tree: programs with their libraries, data, Node.js, the skeleton of boot/image/rootfs.

assemble_root() {
  merged_usr "$TREE"
  copy_listed programs
  copy_listed data
  copy_libraries
  install_node
  copy_skeleton
  link_applets
}

# Copies the paths of a recipe list out of the packages; a pattern that matches nothing stops the build.
copy_listed() {
  local pattern found
  while IFS= read -r pattern; do
    found=$(cd "$PKG" && compgen -G "$pattern") ||
      die "boot/image/$1: no package has '$pattern'; correct the list or boot/image/skip"
    # shellcheck disable=SC2086 # a list of paths
    (cd "$PKG" && cp -a --parents $found "$TREE")
  done < <(list "$1")
}

# Follows the NEEDED entries breadth first until no program lacks a library.
copy_libraries() {
  local round lib dir
  # readelf fails on the scripts and ROMs among them, which is fine.
  round=$(cd "$TREE" && find usr -type f -print0 | { xargs -0 readelf -d 2>/dev/null || true; } | needed)
  round+=" $(readelf -d "$NODE" | needed)"
  while [ -n "${round// /}" ]; do
    local added=()
    for lib in $round; do
      dir=usr/lib/x86_64-linux-gnu
      [[ $lib == ld-linux* ]] && dir=usr/lib64
      [ -e "$TREE/$dir/$lib" ] && continue
      [ -e "$PKG/$dir/$lib" ] || die "no package brings the library $lib; see boot/image/skip"
      mkdir -p "$TREE/$dir"
      cp -L "$PKG/$dir/$lib" "$TREE/$dir/$lib"
      added+=("$TREE/$dir/$lib")
    done
    round=
    [ ${#added[@]} = 0 ] || round=$(readelf -d "${added[@]}" | needed)
  done
}

needed() { sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u; }

install_node() {
  strip -o "$TREE/usr/bin/node" "$NODE"
  chmod 755 "$TREE/usr/bin/node"
}

copy_skeleton() {
  (cd "$RECIPE/rootfs" && find . -type f -print | cpio -pdm --quiet "$TREE")
  (cd "$TREE" && mkdir -p dev proc sys run mnt media home var/log etc/insserv.conf.d var/lib var/tmp etc/init.d etc/conf.d \
    etc/runlevels/{sysinit,boot,default,shutdown} usr/lib/rc/{cache,init.d,tmp} root tmp)
  ln -s /run "$TREE/var/run"
  ln -s /proc/self/mounts "$TREE/etc/mtab"
  ln -s dash "$TREE/usr/bin/sh"
  chmod 755 "$TREE"/etc/init.d/* "$TREE"/usr/lib/pxen/*
  chmod 600 "$TREE/etc/shadow"
  chmod 700 "$TREE/root"
  chmod 1777 "$TREE/tmp" "$TREE/var/tmp"
}

# Each busybox applet and kmod's names become links, except where a real program stands.
link_applets() {
  local name
  for name in insmod rmmod lsmod modprobe modinfo depmod; do ln -sf ../bin/kmod "$TREE/usr/sbin/$name"; done
  ln -sf ../bin/busybox "$TREE/usr/sbin/init"
  for name in $("$PKG/usr/bin/busybox" --list); do
    [ -e "$TREE/usr/bin/$name" ] || [ -e "$TREE/usr/sbin/$name" ] || ln -s busybox "$TREE/usr/bin/$name"
    # Scripts of both worlds name their tools as /sbin/x or /usr/sbin/x.
    case $name in
      getty | halt | ifconfig | losetup | mdev | poweroff | reboot | route | sysctl | udhcpc)
        ln -sf ../bin/busybox "$TREE/usr/sbin/$name" ;;
    esac
  done
  ln -sf ../sbin/bridge "$TREE/usr/bin/bridge"
  ln -sf ../sbin/tc "$TREE/usr/bin/tc"
  ln -sf ../bin/ip "$TREE/usr/sbin/ip"
}

# Level 4 packs in a second, is about 10 % larger than level 15 and unpacks as fast. Blocks of 64K instead of 256K
# bring the agent up 1 s earlier (two emulated processors): Node.js reads small pieces all over its binary.
pack_root() {
  mksquashfs "$TREE" "$MADE/root.squashfs" -all-root -noappend -no-progress -quiet -no-xattrs \
    -comp zstd -Xcompression-level 4 -b 64K -mkfs-time 0 -all-time 0 >"$WORK/mksquashfs.log" 2>&1 ||
    die "mksquashfs failed: $(tail -1 "$WORK/mksquashfs.log")"
}
