#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# release.sh - checks that the tree can be released as VERSION, and makes the tarball and the tag.
# doc/releasing.md tells the whole way.
#
# usage: release.sh [--check] [--abi-reviewed] VERSION     (`./dev release` calls this)
#
#   --check          say whether the tree is ready, and nothing more: no tests, no tarball, no tag
#   --abi-reviewed   go on although abidiff reports changes: you have looked at each

set -eu
cd "$(dirname "$0")/.."
. dev.d/packages.sh

say() { printf '%s\n' "== $*"; }
fail() { echo "dev: release: $*" >&2; exit 1; }
ok() { echo "ok - $*"; }
skipped() { echo "ok - $1 # SKIP $2"; }

usage() { echo "usage: ./dev release [--check] [--abi-reviewed] VERSION" >&2; exit 2; }

check=no
reviewed=no
while :; do
  case ${1:-} in
    --check) check=yes ;;
    --abi-reviewed) reviewed=yes ;;
    -*) usage ;;
    *) break ;;
  esac
  shift
done
[ $# = 1 ] || usage
version=$1
echo "$version" | grep -qxE '[0-9]+\.[0-9]+\.[0-9]+' || fail "a version is three numbers, as 1.2.3"
work=$PWD/build-release
tag=v$version

# --- Is the tree ready? ---------------------------------------------------------------------------

# Each fault of the tree is told, and that there was one is known at the end.
faults=0
told=0
wrong() { echo "dev: release: $*" >&2; faults=$((faults + 1)); }

# right WHAT: it is, if nothing was wrong since the last time.
right() {
  [ $faults != $told ] || ok "$1"
  told=$faults
}

# has FILE PATTERN WHAT: a line of FILE is as a release wants it.
has() {
  grep -qE "$2" "$1" || wrong "$1: $3"
}

# The newest version node is the last one of the file.
newest_node() { sed -n 's/^\([A-Z_]*_[0-9.]*\) {.*/\1/p' src/libevassuan.sym | tail -n 1; }

check_versions() {
  quoted=$(echo "$version" | sed 's/\./\\./g')
  has meson.build "^  version: '$quoted',$" "the project's version is not $version"
  has src/meson.build "version: '$quoted', soversion:" "the library's version is not $version"
  [ "$(sed -n '1s/.*(\(.*\)).*/\1/p' debian/changelog)" = "$version" ] \
    || wrong "debian/changelog: the first entry is not of $version"
  has rpm/evassuan.spec "^Version: +$quoted\$" "the version is not $version"
  if [ "$(grep -m 1 '^Version' NEWS | sed 's/ (.*//')" != "Version $version" ]; then
    wrong "NEWS: the first section is not of $version"
  elif ! grep -m 1 '^Version' NEWS | grep -qxE "Version $quoted \([0-9]{4}-[0-9]{2}-[0-9]{2}\)"; then
    wrong "NEWS: Version $version has no date, as (2026-12-31)"
  fi
  right "meson.build, src/meson.build, debian/changelog, rpm/evassuan.spec and NEWS have version $version"
}

# The pages have the date of NEWS, once that has one.
check_pages() {
  date=$(sed -n 's/^Version .*(\([0-9-]*\))$/\1/p' NEWS | head -n 1)
  [ "$date" ] || return 0
  for page in man/*.[1-9]; do
    has "$page" "^\.Dd $(LC_ALL=C date -d "$date" '+%B %-d, %Y')\$" "its date is not $date, as in NEWS"
  done
  right "all pages of man/ have the date of NEWS"
}

check_tree() {
  [ -z "$(git status --porcelain)" ] || wrong "there are changes that are not committed"
  ! git rev-parse -q --verify "refs/tags/$tag" >/dev/null || wrong "there is a tag $tag already"
  right "all is committed, and no tag $tag is there"
  check_versions
  check_pages
  for file in debian/control debian/changelog rpm/evassuan.spec; do
    ! grep -q '@[a-z.]*\.invalid' "$file" || wrong "$file: it has no address that reaches people"
  done
  right "there are addresses that reach people"
  has debian/libevassuan0.symbols "^ \(symver\)$(newest_node) " \
    "the version node $(newest_node) of src/libevassuan.sym is missing"
  right "the symbols file of the package knows $(newest_node)"
  [ $faults = 0 ] || exit 1
}

# --- The ABI --------------------------------------------------------------------------------------

# build_library SOURCE DIR [OPTION...]: builds the library in DIR/build.
build_library() {
  from=$1
  to=$2
  shift 2
  {
    meson setup -Dtests=false -Dexamples=false -Dtools=false "$@" "$to/build" "$from" \
      && ninja -C "$to/build"
  } >"$to/log" 2>&1 || { tail -n 20 "$to/log" >&2; fail "$from does not build; see $to/log"; }
}

# library_of COMMIT DIR: builds the library of COMMIT in DIR, with what abidiff reads.
library_of() {
  mkdir -p "$2/source"
  git archive "$1" | tar -x -C "$2/source"
  build_library "$2/source" "$2" -Dbuildtype=debug
}

soname() { readelf -d "$1/build/src/libevassuan.so" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p'; }

check_abi() {
  last=$(git describe --tags --abbrev=0 --match 'v*' 2>/dev/null || true)
  if [ -z "$last" ]; then
    skipped "the ABI" "there is no earlier release to compare with"
    return
  fi
  # shellcheck disable=SC2086
  need $library_packages $release_packages
  library_of "$last" "$work/last"
  library_of HEAD "$work/this"
  if [ "$(soname "$work/last")" != "$(soname "$work/this")" ]; then
    skipped "the ABI" "the soname was $(soname "$work/last"), and is $(soname "$work/this") now"
    return
  fi
  status=0
  abidiff --no-added-syms --headers-dir1 "$work/last/source/include" \
    --headers-dir2 "$work/this/source/include" "$work/last/build/src/libevassuan.so" \
    "$work/this/build/src/libevassuan.so" >"$work/abidiff" || status=$?
  if [ $status = 0 ]; then
    ok "the ABI is that of $last, but for what was added"
  elif [ $reviewed = yes ]; then
    ok "the ABI differs from $last, as you have seen; build-release/abidiff has the changes"
  else
    cat "$work/abidiff"
    fail "the ABI differs from $last: raise the soname, or look at each change and say --abi-reviewed"
  fi
}

# --- Making it ------------------------------------------------------------------------------------

# make_tarball: what git has, in the same octets each time; then a build of it.
make_tarball() {
  name=evassuan-$version
  git archive --prefix="$name/" HEAD | xz -9 -T1 >"$work/$name.tar.xz"
  mkdir "$work/try"
  tar -xJf "$work/$name.tar.xz" -C "$work/try"
  build_library "$work/try/$name" "$work/try"
  rm -rf "$work/try"
  (cd "$work" && sha256sum "$name.tar.xz" | tee "$name.tar.xz.sha256")
  ok "build-release/$name.tar.xz builds"
}

# make_tag: signed; without a key that is a human's to do.
make_tag() {
  key=$(git config user.signingkey || true)
  if [ -n "$key" ] && gpg --batch --list-secret-keys "$key" >/dev/null 2>&1; then
    git tag -s -m "evassuan $version" "$tag"
    gpg --batch --yes --local-user "$key" --armor --detach-sign "$work/evassuan-$version.tar.xz"
    ok "the tag $tag and the tarball are signed with $key"
  else
    skipped "a signed tag" "git config user.signingkey names no secret key of this machine"
    echo "   with a key: git tag -s -m 'evassuan $version' $tag"
  fi
}

git rev-parse -q --verify HEAD >/dev/null 2>&1 || fail "the tree is no clone by git"
say "is the tree ready to be version $version?"
check_tree
[ $check = no ] || exit 0
rm -rf "$work"
mkdir "$work"
say "the ABI"
check_abi
say "tests"
.ci/run
say "tarball and tag"
make_tarball
make_tag
