# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
# mounts.sh - what a root needs to be lived in.  Read by those that are process 1 of a namespace of
# their own: no other process sees what they mount.

# mount_system ROOT
mount_system() {
  mount -t proc proc "$1/proc"
  mount --rbind /sys "$1/sys"
  mount -t tmpfs -o mode=755 tmpfs "$1/dev"
  for device in null zero full random urandom tty; do
    : >"$1/dev/$device"
    mount --bind "/dev/$device" "$1/dev/$device"
  done
  mkdir "$1/dev/pts" "$1/dev/shm"
  mount -t devpts -o newinstance,gid=5,mode=620,ptmxmode=666 devpts "$1/dev/pts"
  mount -t tmpfs -o mode=1777 tmpfs "$1/dev/shm"
  ln -s pts/ptmx "$1/dev/ptmx"
  ln -s /proc/self/fd "$1/dev/fd"
  ln -s fd/0 "$1/dev/stdin"
  ln -s fd/1 "$1/dev/stdout"
  ln -s fd/2 "$1/dev/stderr"
}

# register ARCH: tells the kernel that qemu runs programs of this architecture, unless it knows.  It
# forgets that with the last mount of this kind.
register() {
  formats=/proc/sys/fs/binfmt_misc
  mount -t binfmt_misc binfmt_misc "$formats"
  [ -e "$formats/qemu-$1" ] || cat "/usr/lib/binfmt.d/qemu-$1.conf" >"$formats/register"
  grep -qx enabled "$formats/qemu-$1"
}
