/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* reason.c - what a client tells of why it was not served.  */

#include "client/reason.h"

#include "io/explain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *
explain_as (const struct eva__client *client, const char *why) {
  return eva__io_explain_as (EVA__IO_CONNECT, client->address, why);
}

/* There was no connection.  The words of a program are there only within eva_connect, and there
   alone its errors come.  */
static char *
explain_dialling (const struct eva__client *client, gpg_error_t err) {
  bool has_words = client->config.argv && !strcmp (client->address, "exec:");
  char text[100];

  switch (gpg_err_code (err)) {
  case GPG_ERR_CANCELED:
    return NULL;
  case GPG_ERR_TIMEOUT:
    snprintf (text, sizeof text, "there was no connection within %u ms; is the server overloaded?",
              client->config.connect_timeout_ms);
    return explain_as (client, text);
  default:
    break;
  }
  if (client->dial_error)
    return eva__io_explain (EVA__IO_CONNECT, client->address,
                            has_words ? client->config.argv[0] : NULL, client->dial_error);
  gpg_strerror_r (err, text, sizeof text);
  return explain_as (client, text);
}

/* There was a connection, and no greeting.  */
static char *
explain_greeting (const struct eva__client *client, gpg_error_t err) {
  bool is_program = client->child != ASSUAN_INVALID_PID;
  char text[100];

  switch (gpg_err_code (err)) {
  case GPG_ERR_TIMEOUT:
    snprintf (text, sizeof text,
              "it accepts, but does not greet within %u ms; is this an Assuan server?",
              client->config.greeting_timeout_ms);
    return explain_as (client, text);
  case GPG_ERR_EOF:
  case GPG_ERR_EPIPE:
  case GPG_ERR_ECONNRESET:
    return explain_as (client, is_program ? "the program ended without a greeting"
                                          : "the server closed the connection without a greeting");
  case GPG_ERR_ASS_CONNECT_FAILED:
  case GPG_ERR_ASS_INV_RESPONSE:
  case GPG_ERR_ASS_LINE_TOO_LONG:
  case GPG_ERR_ASS_INCOMPLETE_LINE:
    return explain_as (client, "what it says is no greeting; is this an Assuan server?");
  default:
    return NULL;
  }
}

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

void
eva__reason_find (struct eva__client *client, enum eva__client_stage stage, gpg_error_t err) {
  if (client->reason) return;
  if (stage == EVA__CLIENT_DIALLING)
    client->reason = explain_dialling (client, err);
  else if (stage == EVA__CLIENT_GREETING && !client->is_refused)
    client->reason = explain_greeting (client, err);
}
