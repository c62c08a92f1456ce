/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The helpers of client.h.  */

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "client.h"

void
client_open (struct client *c, unsigned int flags) {
  int fds[2];

  memset (c, 0, sizeof *c);
  fds_socketpair (fds, 0);
  c->peer = fds[1];
  peer_say (c->peer, "OK test\n");
  c->ctx = new_client (fds[0], flags);
}

void
client_close (struct client *c) {
  assuan_release (c->ctx);
  c->ctx = NULL;
  peer_expect (c->peer, "BYE\n");
  peer_expect_eof (c->peer);
  close (c->peer);
}

void
client_drop (struct client *c) {
  assuan_release (c->ctx);
  c->ctx = NULL;
  if (c->peer != -1) close (c->peer);
}

void
client_note (struct client *c, const char *tag, const void *buf, size_t len) {
  const unsigned char *octets = buf;
  /* An octet takes up to three, the tag, brackets, blank and NUL a few more.  */
  size_t room = sizeof c->notes - c->notes_len;

  assert_true (strlen (tag) + 3 * len + 4 < room);
  if (c->notes_len) c->notes[c->notes_len++] = ' ';
  c->notes_len += (size_t) sprintf (c->notes + c->notes_len, "%s", tag);
  if (!buf) return;
  c->notes[c->notes_len++] = '[';
  for (size_t i = 0; i < len; i++) {
    if (octets[i] >= ' ' && octets[i] <= '~')
      c->notes[c->notes_len++] = (char) octets[i];
    else
      c->notes_len += (size_t) sprintf (c->notes + c->notes_len, "\\%02x", octets[i]);
  }
  c->notes_len += (size_t) sprintf (c->notes + c->notes_len, "]");
}

void
client_assert_notes (struct client *c, const char *text, const char *file, int line) {
  c->notes[c->notes_len] = 0;
  if (strcmp (c->notes, text)) {
    print_error ("the callbacks were given \"%s\", not \"%s\"\n", c->notes, text);
    _fail (file, line);
  }
  c->notes_len = 0;
}

void
client_assert_silence (int fd, const char *file, int line) {
  struct pollfd pfd = { .fd = fd, .events = POLLIN };
  char buf[200];
  ssize_t n;

  if (poll (&pfd, 1, 0) != 1) return;
  n = read (fd, buf, sizeof buf - 1);
  buf[n > 0 ? n : 0] = 0;
  print_error ("expected silence, came %zd octets: \"%s\"\n", n, buf);
  _fail (file, line);
}

gpg_error_t
client_on_data (void *arg, const void *buf, size_t len) {
  struct client *c = arg;

  if (!buf) {
    assert_int_equal (len, 0);
    client_note (c, "E", NULL, 0);
    return c->data_rc;
  }
  /* Programs use text data as a string.  */
  assert_int_equal (((const char *) buf)[len], 0);
  client_note (c, "D", buf, len);
  return c->data_rc;
}

gpg_error_t
client_on_inquire (void *arg, const char *text) {
  struct client *c = arg;

  client_note (c, "I", text, strlen (text));
  if (c->answer) c->answer (c);
  return c->inquire_rc;
}

gpg_error_t
client_on_status (void *arg, const char *text) {
  struct client *c = arg;

  client_note (c, "S", text, strlen (text));
  return c->status_rc;
}

gpg_error_t
client_ask (struct client *c, const char *command) {
  return assuan_transact (c->ctx, command, client_on_data, c, client_on_inquire, c,
                          client_on_status, c);
}

gpg_error_t
client_ask_bare (struct client *c, const char *command) {
  return assuan_transact (c->ctx, command, NULL, NULL, NULL, NULL, NULL, NULL);
}

gpg_error_t
client_try (struct client *c, const char *command, const char *reply) {
  peer_say (c->peer, reply);
  return client_ask (c, command);
}

int
take_all_fds (assuan_context_t ctx) {
  assuan_fd_t fd;
  int n;

  for (n = 0; !assuan_receivefd (ctx, &fd); n++)
    close (fd);
  return n;
}
