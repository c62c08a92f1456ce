#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# fresh.sh - the first commands on a fresh machine: makes a bare root of a release of Debian, clones
# the tree into it as it is committed, and runs commands of `./dev` there, as root.
#
# usage: fresh.sh RELEASE [build|run|test|lint|package]...     (`./dev fresh` calls this; run)
#
# A bare root is what debootstrap's minbase has, git, and ca-certificates.  It is made once and kept
# as build-fresh/RELEASE.tar.  Packages that were once downloaded are kept in build-fresh/RELEASE/,
# but each root has to ask for and install them again.  The mirror, and how apt reaches it, are those
# of this machine.
#
# The commands run in namespaces of their own for mounts and processes: with them go all mounts and
# all processes, whatever happens.  Exit status: that of the first command that fails, or 0; 2 if
# there is no such release or command; 77 if this machine can make no such root, with the reason as
# the last line.

set -eu
cd "$(dirname "$0")/.."
. dev.d/packages.sh

command_name=fresh
cache=build-fresh
. dev.d/roots.sh

# --- What is asked for ----------------------------------------------------------------------------

[ $# -gt 0 ] || { echo "dev: of which release? there are: $releases" >&2; exit 2; }
release=$1
case " $releases " in
  *" $release "*) ;;
  *) echo "dev: there is no release '$release'; there are: $releases" >&2; exit 2 ;;
esac
shift
[ $# -gt 0 ] || set -- run
for command; do
  case $command in
    build | run | test | lint | package) ;;
    *) echo "dev: fresh does not take '$command', but build, run, test, lint and package" >&2; exit 2 ;;
  esac
done

# shellcheck disable=SC2086
need_tools $fresh_packages
command -v git >/dev/null || cannot "there is no git"
mkdir -p "$cache/$release"
# The tree may belong to another user than root.
export GIT_CONFIG_GLOBAL="$PWD/$cache/gitconfig"
printf '[safe]\n\tdirectory = *\n[advice]\n\tdetachedHead = false\n' >"$GIT_CONFIG_GLOBAL"
git rev-parse -q --verify HEAD >/dev/null 2>&1 || cannot "the tree is no clone by git"
new_root "$release"
find_mirror

# --- The root -------------------------------------------------------------------------------------

if [ ! -f "$cache/$release.tar" ]; then
  say "making a bare root of $release"
  log=$cache/$release.log
  http_proxy=${http_proxy:-$proxy} apart debootstrap --variant=minbase \
    --include=git,ca-certificates "$release" "$root" "$debian" >"$log" 2>&1 \
    || { tail -n 20 "$log" >&2; cannot "debootstrap has failed"; }
  mv "$root"/var/cache/apt/archives/*.deb "$cache/$release"
  tar -C "$root" --one-file-system -cf "$root.tar" .
  mv "$root.tar" "$cache/$release.tar"
else
  say "unpacking a bare root of $release"
  tar -C "$root" -xpf "$cache/$release.tar"
fi

# mktemp's directories are for root alone.
chmod 755 "$root"
touch "$root/.dev-fresh"
cat /etc/resolv.conf >"$root/etc/resolv.conf"
cat /etc/hosts >"$root/etc/hosts"
cat >"$root/etc/apt/sources.list" <<END
deb $debian $release main
deb $debian $release-updates main
deb $security $release-security main
END
apt-config dump | grep -E '^Acquire::(http|https|Check-|Retries|ForceIPv)' \
  >"$root/etc/apt/apt.conf.d/50machine" || true
# Nothing of this has to outlive a power failure, and no daemon is to be started by its package.
echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/fresh"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod +x "$root/usr/sbin/policy-rc.d"

git clone -q --depth 1 "file://$PWD" "$root/root/evassuan"
say "evassuan: $(git log -1 --format='%h %s')"
changes=$(git status --porcelain | wc -l)
[ "$changes" = 0 ] || say "changes of $changes files are not committed, so they are not in it"

# --- The commands ---------------------------------------------------------------------------------

apart sh dev.d/inside.sh "$root" "$cache/$release" "$@"
