# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh disable=SC2034
# packages.sh - which Debian packages there must be, and how they get there.  Read by `./dev`.
#
# Debian 12 and 13 have all of these under the same names, most of them because the names tell no
# version: `clang`, not `clang-14`.

# The releases that it is tried on, in bare roots.
releases='bookworm trixie'

library_packages='gcc libc6-dev meson ninja-build pkg-config libgpg-error-dev'
loop_packages='libuv1-dev libevent-dev libglib2.0-dev libsystemd-dev libev-dev'
examples_packages="libgcrypt20-dev $loop_packages"
tools_packages='libjson-c-dev libedit-dev'
demo_packages='gnupg gpg gpg-agent gpgconf bsdutils'
# One Qt is enough to see it run.
qt_packages='g++ qt6-base-dev'
tests_packages="$examples_packages libcmocka-dev libassuan-dev libnpth0-dev libgpgme-dev
  mandoc man-db groff-base $qt_packages qtbase5-dev"
doc_packages='mandoc python3-sphinx python3-myst-parser furo'
programs_packages="$demo_packages $doc_packages openssl binutils dirmngr scdaemon gpgsm pinentry-tty
  pinentry-curses openssh-client openssh-server haproxy systemd valgrind"
fuzz_packages='clang libclang-rt-dev'
# Both releases have this version.  Other versions lay some lines out in another way.
formatter=clang-format-19
lint_packages="clang clang-tidy $formatter universal-ctags git shellcheck"
# In a root for another architecture, where nothing is compiled.
port_packages="libc6-dev libgpg-error-dev libcmocka-dev libassuan-dev libnpth0-dev $loop_packages"
package_packages="build-essential debhelper git libgpg-error-dev meson pkgconf python3 $tools_packages
  $doc_packages"
package_check_packages='lintian'
package_rpm_packages='rpm rpmlint'
release_packages='abigail-tools binutils'
fresh_packages='debootstrap debian-archive-keyring git util-linux'

# packages_of PART...: what a build of these parts looks for.
packages_of() {
  echo "$library_packages"
  for part; do
    case $part in
      tools)    echo "$tools_packages" ;;
      examples) echo "$examples_packages" ;;
      tests)    echo "$tests_packages" ;;
      bench)    echo "$loop_packages libassuan-dev" ;;
      fuzz)     echo "$fuzz_packages" ;;
    esac
  done
}

# installed: what there is of all that a build may find, with versions.
installed() {
  # shellcheck disable=SC2046
  dpkg-query -W -f '${db:Status-Status} ${Package} ${Version}\n' \
    $(packages_of examples tools tests) 2>/dev/null | grep '^installed ' || true
}

# missing PACKAGE...: those that are not installed.
missing() {
  there=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true)
  for package; do
    case "
$there
" in
      *"
installed $package
"*) ;;
      *) echo "$package" ;;
    esac
  done | sort -u | tr '\n' ' '
}

# need PACKAGE...: installs what is missing, or says which command would.
need() {
  # Elsewhere the packages have other names, and the user will see what is missing.
  command -v dpkg-query >/dev/null || return 0
  packages=$(missing "$@")
  packages=${packages% }
  [ -n "$packages" ] || return 0
  if [ "$(id -u)" != 0 ]; then
    echo "dev: packages are missing; please run:" >&2
    echo "  sudo apt-get update && sudo apt-get install -y --no-install-recommends $packages" >&2
    exit 1
  fi
  say "installing: $packages"
  # shellcheck disable=SC2086
  log=$({ apt-get update -q \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $packages
  } 2>&1) || { printf '%s\n' "$log" | tail -n 20 >&2; exit 1; }
}
