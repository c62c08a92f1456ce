# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh disable=SC2154
# package-check.sh - the packages as a user meets them: installed, upgraded, used, removed.  Read by
# package.sh, in a root that nothing depends on.

[ -e /.dev-fresh ] || fail "check installs and purges packages: run it by ./dev fresh RELEASE package"
# shellcheck disable=SC2086
need $package_check_packages
export DEBIAN_FRONTEND=noninteractive

repository=$work/repository
names=$(sed -n 's/^Package: //p' debian/control)
old=0.0.9

ok() { echo "ok - $*"; }

# apt COMMAND...: quiet unless it fails.
apt() {
  apt-get -q -y --no-install-recommends "$@" >"$work/apt.log" 2>&1 \
    || { tail -n 30 "$work/apt.log" >&2; fail "apt-get $* has failed"; }
}

# publish DIR: what is in DIR becomes what the repository offers.
publish() {
  mkdir -p "$repository"
  cp "$1"/*.deb "$repository"
  (cd "$repository" && dpkg-scanpackages --multiversion . >Packages 2>/dev/null)
  apt update
}

# everything: all files of the system, without what package managers and programs keep for themselves.
everything() {
  find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /root -o -path /run \
    -o -path /var/cache -o -path /var/lib/apt -o -path /var/lib/dpkg -o -path /var/log \) -prune \
    -o -printf '%p %y %m %l\n' | LC_ALL=C sort
}

# installed_version: of all packages, each of which must have the same.
installed_version() {
  # shellcheck disable=SC2086
  dpkg-query -W -f '${Version}\n' $names | sort -u | tr '\n' ' '
}

# run_test NAME: one of debian/tests.
run_test() {
  dir=$(mktemp -d)
  (cd "$work/evassuan-$version" && AUTOPKGTEST_TMP=$dir "debian/tests/$1") >"$work/test-$1.log" 2>&1 \
    || { tail -n 40 "$work/test-$1.log" >&2; fail "debian/tests/$1 has failed"; }
  rm -rf "$dir"
  ok "debian/tests/$1"
}

library_of_gpg() { ldd "$(command -v gpg)" | sed -n 's/.*libassuan[^ ]* => \([^ ]*\).*/\1/p'; }

as_old() { sed -i "1s/(.*)/($old)/" "$1/debian/changelog"; }

say "building, twice"
build_in "$work" :
(export TZ=Pacific/Chatham LC_ALL=C; umask 002; build_in "$work/again/below" :)
for deb in "$work"/*.deb; do
  cmp "$deb" "$work/again/below/${deb##*/}" || fail "another build made another ${deb##*/}"
done
ok "two builds in two places give the same octets"
rm -rf "$work/again"

say "building $old"
build_in "$work/old" as_old

say "lintian"
lintian --allow-root --fail-on error,warning --tag-display-limit 0 "$work"/*.changes \
  || fail "lintian has found something"
ok "lintian has no errors and no warnings"

say "installing, upgrading"
depends=$(sed -n 's/^Depends: //p' debian/tests/control | tr '\n' ',' | sed 's/,/ , /g; s/  */ /g')
for name in $names; do
  depends=$(echo " $depends " | sed "s/ $name / /g")
done
depends=$(echo "$depends" | tr ' ' '\n' | grep '^[a-z]' | sort -u)
# shellcheck disable=SC2086
apt install $depends
# What the system itself has to upgrade is no change of ours; and some packages keep something of each
# update.
apt update
apt upgrade
everything >"$work/before"
echo "deb [trusted=yes] file:$repository ./" >/etc/apt/sources.list.d/evassuan.list
publish "$work/old"
# shellcheck disable=SC2086
apt install $names
[ "$(installed_version)" = "$old " ] || fail "installed is $(installed_version)"
ok "apt installs $old"
publish "$work"
apt upgrade
[ "$(installed_version)" = "$version " ] || fail "installed is $(installed_version)"
ok "apt upgrades to $version"

say "using"
# shellcheck disable=SC2013
for name in $(sed -n 's/^Tests: //p' debian/tests/control); do
  run_test "$name"
done

say "removing, purging"
system=$(library_of_gpg)
cp /usr/share/libassuan-evassuan/00-evassuan.conf /etc/ld.so.conf.d/
ldconfig
[ "$(library_of_gpg)" != "$system" ] || fail "the switch does nothing"
# shellcheck disable=SC2086
apt remove $names
[ "$(library_of_gpg)" = "$system" ] || fail "without the package gpg loads $(library_of_gpg)"
gpg --version >/dev/null
ok "a system on the drop-ins goes back to its own when they are removed"
apt install libassuan-evassuan
[ "$(library_of_gpg)" != "$system" ] || fail "installed again, the package does not come back"
ok "and comes back with them"
# shellcheck disable=SC2086
apt purge $names
[ "$(library_of_gpg)" = "$system" ] || fail "after the purge gpg loads $(library_of_gpg)"
rm /etc/apt/sources.list.d/evassuan.list
everything >"$work/after"
diff "$work/before" "$work/after" || fail "this is left, or gone"
! ldconfig -p | grep evassuan || fail "this is left of the dynamic linker's"
ok "nothing is left"

say "the packages"
figures "$work"
