#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# port.sh - the unit tests on another architecture: i386, with words of 32 bits, or s390x, whose
# octets come in the other order.
#
# usage: port.sh ARCH [SUITE...]     (`./dev port` calls this)
#
# A compiler of this machine builds for a small root of that architecture, of this machine's release,
# and the tests run in there: i386's as they are, s390x's by qemu, which the kernel calls for programs
# of such a format.
#
# The root is made once and kept as build-fresh/port-ARCH, the build as build-port-ARCH.  What is
# mounted is not seen from outside, and is gone with the tests.  Exit status: 0 if all tests passed; 2
# if there is no such architecture; 77 if they cannot run on this machine, with the reason as the last
# line.

set -eu
cd "$(dirname "$0")/.."
. dev.d/packages.sh

command_name=port
cache='build-fresh'
. dev.d/roots.sh

# --- What is asked for ----------------------------------------------------------------------------

arch=${1:-}
qemu=
case $arch in
  i386)  gcc=i686-linux-gnu;  family=x86;   cpu=i686;  endian=little ;;
  s390x) gcc=s390x-linux-gnu; family=s390x; cpu=s390x; endian=big; qemu='qemu-user-static' ;;
  *) echo "dev: to which architecture? there are: i386 s390x" >&2; exit 2 ;;
esac
libdir=/usr/lib/$arch-linux-gnu
shift
[ $# -gt 0 ] || set -- wire conn io loop ours oracle

# shellcheck disable=SC2046,SC2086
need_tools $(packages_of tests) $fresh_packages "gcc-$gcc" $qemu
command -v "$gcc-gcc" >/dev/null || cannot "there is no $gcc-gcc"
mkdir -p "$cache"

# --- Programs of another processor ----------------------------------------------------------------

# shellcheck disable=SC2016
[ -z "$qemu" ] || unshare --mount sh -euc '. dev.d/mounts.sh; register "$1"' sh "$arch" 2>/dev/null \
  || cannot "the kernel does not let qemu run programs of $arch"

# --- The root -------------------------------------------------------------------------------------

kept=$cache/port-$arch
build=build-port-$arch
new_root "port-$arch"
find_mirror
case " $releases " in
  *" ${codename:=} "*) release=$codename ;;
  *) release=${releases%% *} ;;
esac
made_of="$release $port_packages"

if [ "$(cat "$kept/.made-of" 2>/dev/null)" != "$made_of" ]; then
  say "making a root of $release for $arch"
  rm -rf "$kept" "$build"
  log=$cache/port-$arch.log
  # shellcheck disable=SC2016,SC2086
  http_proxy=${http_proxy:-$proxy} apart sh -euc '
    . dev.d/mounts.sh
    exec 9>&-
    [ -z "$1" ] || register "$2"
    shift 2
    exec debootstrap "$@"
  ' sh "$qemu" "$arch" --variant=minbase --arch="$arch" \
    --include="$(echo $port_packages | tr ' ' ',')" "$release" "$root" "$debian" >"$log" 2>&1 \
    || { tail -n 20 "$log" >&2; cannot "debootstrap has failed"; }
  rm -f "$root"/var/cache/apt/archives/*.deb
  # The linker passes over a library whose name leads out of the root, and takes an archive.
  find "$root$libdir" -name '*.so' -lname '/*' | while read -r link; do
    ln -sfr "$root$(readlink "$link")" "$link"
  done
  echo "$made_of" >"$root/.made-of"
  chmod 755 "$root"
  mv "$root" "$kept"
fi

# --- Building and testing -------------------------------------------------------------------------

# The dual suite starts its programs by env, which has to look in there, too.
top=$PWD/$kept
enter="'chroot', '$top', '/usr/bin/env', '-C', '$PWD/$build'"
mkdir -p "$kept$PWD"
cat >"$cache/port-$arch.ini" <<END
[binaries]
c = ['$gcc-gcc']
ar = '$gcc-gcc-ar'
strip = '$gcc-strip'
pkgconfig = 'pkg-config'
exe_wrapper = [$enter]
env = [$enter]
[built-in options]
c_args = ['--sysroot=$top']
c_link_args = ['--sysroot=$top']
[properties]
sys_root = '$top'
pkg_config_libdir = ['$top$libdir/pkgconfig', '$top/usr/share/pkgconfig']
needs_exe_wrapper = true
[host_machine]
system = 'linux'
cpu_family = '$family'
cpu = '$cpu'
endian = '$endian'
END

# shellcheck disable=SC2016,SC2046
apart sh -euc '
  . dev.d/mounts.sh
  exec 9>&-
  qemu=$1
  [ -z "$qemu" ] || register "$2"
  root=$3 build=$4 cross=$5
  shift 5
  mount --rbind . "$root$PWD"
  mount_system "$root"
  [ -f "$build/build.ninja" ] || meson setup "$build" --cross-file "$cross" -Dexamples=false \
    -Dtools=false
  ninja -C "$build"
  # Some of what the kernel does qemu does in another way.
  [ -z "$qemu" ] || export EVA_TEST_EMULATED=yes
  # qemu is an order of magnitude slower than a processor.
  meson test -C "$build" --no-rebuild --print-errorlogs --timeout-multiplier 10 "$@" || true
  python3 tests/summary.py "$build"
' sh "$qemu" "$arch" "$top" "$build" "$cache/port-$arch.ini" $(printf -- '--suite %s ' "$@")
