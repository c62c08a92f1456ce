/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* reason.c - what a client tells of why it was not served.  */

#include "client/reason.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
eva__reason_set (struct eva__client *client, const char *what, const char *why) {
  char text[600];

  free (client->reason);
  snprintf (text, sizeof text, "%.400s%.190s", what, why);
  client->reason = strdup (text);
}

void
eva__reason_set_error (struct eva__client *client, const char *what, gpg_error_t err) {
  char why[150] = ": ";

  gpg_strerror_r (err, why + 2, sizeof why - 2);
  eva__reason_set (client, what, why);
}
