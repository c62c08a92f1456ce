#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# package.sh - builds the Debian packages into build-package/, from the files that git knows, as they
# are in the tree.
#
# usage: package.sh [check|rpm]     (`./dev package` calls this)
#
# With `rpm`: builds packages of RPM instead, with Debian's rpmbuild, into build-package/rpm/.
#
# With `check`, which is for a bare root of `./dev fresh`: builds them twice and compares, asks lintian,
# installs an older version of them from a repository of their own, upgrades, runs debian/tests, removes
# and purges, and looks whether anything is left.

set -eu
cd "$(dirname "$0")/.."
. dev.d/packages.sh

say() { printf '%s\n' "== $*"; }
fail() { echo "dev: package: $*" >&2; exit 1; }

work=$PWD/build-package
version=$(sed -n '1s/.*(\(.*\)).*/\1/p' debian/changelog)

# build_in DIR [OPTION...]: builds the packages of the tree into DIR.
build_in() {
  dir=$1
  shift
  rm -rf "$dir"
  mkdir -p "$dir/evassuan-$version"
  git ls-files -z | tar --null -T - -c | tar -x -C "$dir/evassuan-$version"
  "$@" "$dir/evassuan-$version"
  (cd "$dir/evassuan-$version" && dpkg-buildpackage -us -uc "-j$(nproc)") >"$dir/log" 2>&1 \
    || { tail -n 30 "$dir/log" >&2; fail "the build has failed; see $dir/log"; }
}

# figures DIR: the packages, their sizes, and what they depend on.
# shellcheck disable=SC2016
figures() {
  for deb in "$1"/*.deb; do
    case $deb in *-dbgsym_*) continue ;; esac
    dpkg-deb --show --showformat '${Package} ${Version}, ${Installed-Size} KiB installed, ' "$deb"
    echo "$(wc -c <"$deb") octets"
    dpkg-deb --show --showformat '    depends: ${Depends}\n' "$deb"
  done
}

# build_rpm: what the spec file makes of the tree.  Debian's packages are none that rpm knows, so it
# does not ask for them.
build_rpm() {
  top=$work/rpm
  spec_version=$(sed -n 's/^Version: *//p' rpm/evassuan.spec)
  rm -rf "$top"
  mkdir -p "$top/SOURCES"
  git ls-files -z | tar --null -T - --transform "s,^,evassuan-$spec_version/," \
    -cJf "$top/SOURCES/evassuan-$spec_version.tar.xz"
  rpmlint -c rpm/rpmlint.toml rpm/evassuan.spec >"$top/lint" || { cat "$top/lint" >&2; fail "rpmlint"; }
  rpmbuild -bb --nodeps --define "_topdir $top" --define "_smp_mflags -j$(nproc)" rpm/evassuan.spec \
    >"$top/log" 2>&1 || { tail -n 30 "$top/log" >&2; fail "the build has failed; see $top/log"; }
  for package in "$top"/RPMS/*/*.rpm; do
    rpm -qp --queryformat '%{NAME} %{VERSION}, %{SIZE} octets installed\n' "$package"
  done
}

# shellcheck disable=SC2086
need $package_packages
# The tree may belong to another user than root.
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'
git rev-parse -q --verify HEAD >/dev/null 2>&1 || fail "the tree is no clone by git"

case ${1:-} in
  '')
    say "building packages into build-package/"
    build_in "$work" :
    figures "$work"
    ;;
  check) . dev.d/package-check.sh ;;
  rpm)
    # shellcheck disable=SC2086
    need $package_rpm_packages
    say "building packages of RPM into build-package/rpm/"
    build_rpm
    ;;
  *) echo "dev: package does not take '$1', but check and rpm" >&2; exit 2 ;;
esac
