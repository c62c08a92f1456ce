#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# run.sh - measures evassuan: libraries.sh the library against Debian's, one connection at a time,
# and servers.sh servers for many clients.
#
# usage: run.sh BUILDDIR                             everything
#        run.sh BUILDDIR libraries|servers [ROW...]  one of the two, or some rows of it
#        run.sh BUILDDIR ROW...                      rows of servers
#        run.sh BUILDDIR list                        the names of all rows

set -eu
here=$(dirname "$0")
build=$1
shift

case ${1:-} in
  '') sh "$here/libraries.sh" "$build" && echo && exec sh "$here/servers.sh" "$build" ;;
  list) sh "$here/libraries.sh" "$build" list && exec sh "$here/servers.sh" "$build" list ;;
  libraries | servers) part=$1; shift; exec sh "$here/$part.sh" "$build" "$@" ;;
  *) exec sh "$here/servers.sh" "$build" "$@" ;;
esac
