/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite.h - all that a suite of the tests of eva_server needs, and the list of the suites.  */

#ifndef EVA_TESTS_SERVER_SUITE_H
#define EVA_TESTS_SERVER_SUITE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kit.h"
#include "peer.h"
#include "service.h"

#define SUITES(X)                                                                                  \
  X (requests)                                                                                     \
  X (services)                                                                                     \
  X (secrets)                                                                                      \
  X (observer)                                                                                     \
  X (parameters)                                                                                   \
  X (commands)                                                                                     \
  X (inquiries)                                                                                    \
  X (output)                                                                                       \
  X (ends)                                                                                         \
  X (release)                                                                                      \
  X (pipes)                                                                                        \
  X (drain)                                                                                        \
  X (takeover)                                                                                     \
  X (lost)                                                                                         \
  X (redirections)                                                                                 \
  X (idle)                                                                                         \
  X (notify)                                                                                       \
  X (limits)                                                                                       \
  X (timeouts)                                                                                     \
  X (work)                                                                                         \
  X (crowd)                                                                                        \
  X (listeners)                                                                                    \
  X (adopt)                                                                                        \
  X (descriptors)                                                                                  \
  X (shares)                                                                                       \
  X (forks)                                                                                        \
  X (dialogs)                                                                                      \
  X (callbacks)

#define SUITE_DECLARE(name) extern const struct suite suite_##name;
SUITES (SUITE_DECLARE)

/* Ends a file: the tests of the suite NAME, which are in the array `tests`.  */
#define SUITE(name) const struct suite suite_##name = { #name, tests, N_ELEMENTS (tests) }

#endif /* EVA_TESTS_SERVER_SUITE_H */
