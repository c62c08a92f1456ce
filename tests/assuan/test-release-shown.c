/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Releasing a context in what it runs outside of handlers: a monitor or a log callback that is shown
 * a line, and the continuation of an inquiry.  Every function that can run one is called, out of no
 * other call on the context, again and again, and each time the context is released one callback
 * later.  The function returns, nobody is called any more, and nothing is left: no memory, no
 * descriptor, no child.
 *
 * Freed memory is overwritten and kept, so that its use is noticed without a sanitizer, too.  */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "child.h"

#if defined __SANITIZE_ADDRESS__
#  define KEEPS_FREED 0
#else
#  define KEEPS_FREED 1
#endif

/* --- Memory ----------------------------------------------------------------------------------- */

/* In front of what a context is given.  */
struct block {
  struct block *next; /* once it is freed */
  size_t size;
  max_align_t start[];
};

static struct block *freed;
static int n_live;

static void *
take (size_t size) {
  struct block *block = malloc (sizeof *block + size);

  if (!block) return NULL;
  block->size = size;
  n_live++;
  return block->start;
}

static struct block *
block_of (void *ptr) {
  return (struct block *) ((char *) ptr - offsetof (struct block, start));
}

static void
give (void *ptr) {
  struct block *block = ptr ? block_of (ptr) : NULL;

  if (!block) return;
  n_live--;
  if (!KEEPS_FREED) {
    free (block);
    return;
  }
  memset (block->start, 0xdd, block->size);
  block->next = freed;
  freed = block;
}

static void *
retake (void *ptr, size_t size) {
  size_t old_size = ptr ? block_of (ptr)->size : 0;
  void *copy = take (size);

  if (!ptr || !copy) return copy;
  memcpy (copy, ptr, size < old_size ? size : old_size);
  give (ptr);
  return copy;
}

static struct assuan_malloc_hooks memory = { take, retake, give };

/* Nobody wrote to what was freed.  */
static void
forget_freed (void) {
  while (freed) {
    struct block *block = freed;
    const unsigned char *octets = (const unsigned char *) block->start;

    for (size_t i = 0; i < block->size; i++)
      assert_int_equal (octets[i], 0xdd);
    freed = block->next;
    free (block);
  }
}

/* --- Releasing -------------------------------------------------------------------------------- */

/* What releases the context.  */
enum way { MONITOR, LOG_ASKED, LOG_TOLD, CONTINUATION };
#define N_WAYS 4

static struct {
  enum way way;
  unsigned int left; /* callbacks up to the one that releases; 0: none does */
  bool is_released;
  unsigned int n_late; /* callbacks behind it */
} w;

static void
strike (assuan_context_t ctx, enum way way) {
  if (w.is_released) w.n_late++;
  if (way != w.way || !w.left || --w.left) return;
  assuan_release (ctx);
  w.is_released = true;
}

static unsigned int
on_line (assuan_context_t ctx, void *hook, int inout, const char *line, size_t linelen) {
  (void) hook;
  (void) inout;
  (void) line;
  (void) linelen;
  strike (ctx, MONITOR);
  return 0;
}

static int
on_log (assuan_context_t ctx, void *hook, unsigned int cat, const char *msg) {
  (void) hook;
  (void) cat;
  strike (ctx, msg ? LOG_TOLD : LOG_ASKED);
  return 1;
}

/* --- The stage -------------------------------------------------------------------------------- */

/* The context, and what surrounds it; descriptors are -1 if there are none.  */
struct stage {
  assuan_context_t ctx;
  int peer;
  int newcomer; /* a client that was not accepted yet */
  int listener;
  struct sockaddr_un address;
};

static void
make (struct stage *s) {
  s->ctx = NULL;
  assert_err (assuan_new_ext (&s->ctx, SUITE_SOURCE, &memory, on_log, NULL), 0);
  assuan_set_io_monitor (s->ctx, on_line, NULL);
}

static gpg_error_t
cmd_async (assuan_context_t ctx, char *line) {
  (void) ctx;
  (void) line;
  return 0;
}

static gpg_error_t
cmd_say (assuan_context_t ctx, char *line) {
  (void) line;
  assuan_write_status (ctx, "KEY", "text\nmore");
  if (!w.is_released) assuan_send_data (ctx, "data", 4);
  if (!w.is_released) return assuan_process_done (ctx, 0);
  return 0;
}

/* What it writes to must stay until it returns.  */
static gpg_error_t
cmd_print (assuan_context_t ctx, char *line) {
  FILE *fp = assuan_get_data_fp (ctx);

  (void) line;
  if (!fp) return ERR (GPG_ERR_ENOMEM);
  for (int i = 0; i < 3 && !w.is_released; i++)
    fprintf (fp, "%1500d", i);
  if (w.is_released) return 0;
  return assuan_process_done (ctx, 0);
}

static gpg_error_t
on_answer (void *arg, gpg_error_t rc, unsigned char *buf, size_t len) {
  struct stage *s = arg;

  (void) rc;
  (void) len;
  give (buf);
  strike (s->ctx, CONTINUATION);
  return 0;
}

static gpg_error_t
cmd_ask (assuan_context_t ctx, char *line) {
  (void) line;
  return assuan_inquire_ext (ctx, "KEY", 0, on_answer, assuan_get_pointer (ctx));
}

static void
furnish (struct stage *s) {
  assuan_set_pointer (s->ctx, s);
  assert_err (assuan_set_hello_line (s->ctx, "one\ntwo\nhello"), 0);
  assert_err (assuan_register_command (s->ctx, "ASYNC", cmd_async, NULL), 0);
  assert_err (assuan_register_command (s->ctx, "SAY", cmd_say, NULL), 0);
  assert_err (assuan_register_command (s->ctx, "PRINT", cmd_print, NULL), 0);
  assert_err (assuan_register_command (s->ctx, "ASK", cmd_ask, NULL), 0);
}

/* A server that has not greeted; one that has; one with a command under way, or an inquiry.  */
static void
open_handed_over (struct stage *s) {
  int fds[2];

  make (s);
  furnish (s);
  new_socketpair (fds);
  s->peer = fds[0];
  assert_err (assuan_init_socket_server (
                  s->ctx, fds[1], ASSUAN_SOCKET_SERVER_ACCEPTED | ASSUAN_SOCKET_SERVER_FDPASSING),
              0);
}

static void
open_server (struct stage *s) {
  open_handed_over (s);
  assert_err (assuan_accept (s->ctx), 0);
}

static void
take_command (struct stage *s, const char *line) {
  peer_say (s->peer, line);
  assert_err (assuan_process_next (s->ctx, NULL), 0);
}

static void
open_busy (struct stage *s) {
  open_server (s);
  take_command (s, "ASYNC\n");
}

static void
open_asking (struct stage *s) {
  open_server (s);
  take_command (s, "ASK\n");
}

static int
dial (struct stage *s) {
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  assert_int_equal (connect (fd, (struct sockaddr *) &s->address, sizeof s->address), 0);
  return fd;
}

static void
listen_for_peers (struct stage *s) {
  s->address = (struct sockaddr_un){ .sun_family = AF_UNIX };
  strcpy (s->address.sun_path, suite_tmpfile ("S"));
  unlink (s->address.sun_path);
  s->listener = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal (bind (s->listener, (struct sockaddr *) &s->address, sizeof s->address), 0);
  assert_int_equal (listen (s->listener, 5), 0);
}

/* A server that listens, with a client at the door; one that serves its first client.  */
static void
open_listening (struct stage *s) {
  make (s);
  furnish (s);
  listen_for_peers (s);
  assert_err (assuan_init_socket_server (s->ctx, s->listener, 0), 0);
  s->newcomer = dial (s);
}

static void
open_listening_again (struct stage *s) {
  open_listening (s);
  assert_err (assuan_accept (s->ctx), 0);
  s->peer = s->newcomer;
  s->newcomer = dial (s);
}

static void
open_listening_asking (struct stage *s) {
  open_listening_again (s);
  take_command (s, "ASK\n");
}

/* A client that is not connected; one that is; one whose server left, with something unread.  */
static void
open_nowhere (struct stage *s) {
  make (s);
  s->newcomer = -1;
}

static void
open_client (struct stage *s) {
  int fds[2];

  make (s);
  new_socketpair (fds);
  s->peer = fds[1];
  peer_say (s->peer, "OK test\n");
  assert_err (assuan_socket_connect_fd (s->ctx, fds[0], ASSUAN_SOCKET_CONNECT_FDPASSING), 0);
}

static void
open_left_client (struct stage *s) {
  open_client (s);
  assert_err (assuan_write_line (s->ctx, "# unread"), 0);
  close (s->peer);
  s->peer = -1;
}

static void
open_child (struct stage *s) {
  static const struct start plain;

  make (s);
  assert_err (try_child (s->ctx, MODE_PIPES, &plain), 0);
}

/* --- The calls -------------------------------------------------------------------------------- */

static void
call_new (struct stage *s) {
  gpg_error_t rc = assuan_new_ext (&s->ctx, SUITE_SOURCE, &memory, on_log, NULL);

  assert_err (rc, w.is_released ? ERR (GPG_ERR_CANCELED) : 0);
  if (w.is_released) assert_null (s->ctx);
}

/* Whoever releases it once more does nothing.  */
static void
call_release (struct stage *s) {
  assuan_release (s->ctx);
  w.is_released = true;
  w.n_late = 0;
}

static void
call_accept (struct stage *s) {
  gpg_error_t rc = assuan_accept (s->ctx);

  assert_int_equal (rc, w.is_released ? (gpg_error_t) -1 : 0);
}

static void
call_init_socket (struct stage *s) {
  gpg_error_t rc = assuan_init_socket_server (s->ctx, s->listener, 0);

  assert_err (rc, w.is_released ? ERR (GPG_ERR_CANCELED) : 0);
}

static void
call_init_pipe (struct stage *s) {
  int to_server[2], from_server[2];
  assuan_fd_t fds[2];
  gpg_error_t rc;

  new_pipe (to_server);
  new_pipe (from_server);
  fds[0] = to_server[0];
  fds[1] = from_server[1];
  rc = assuan_init_pipe_server (s->ctx, fds);
  assert_err (rc, w.is_released ? ERR (GPG_ERR_CANCELED) : 0);
  if (rc) close (fds[0]);
  if (rc) close (fds[1]);
  close (to_server[1]);
  close (from_server[0]);
}

static void
call_active_fds (struct stage *s) {
  assuan_fd_t fds[2] = { -7, -7 };
  int n = assuan_get_active_fds (s->ctx, 0, fds, 2);

  assert_int_equal (n, !w.is_released);
  if (w.is_released) assert_int_equal (fds[0], -7);
}

static void
call_process (struct stage *s) {
  peer_say (s->peer, "SAY\n\nPRINT\nHELP\nBOGUS\nBYE\n");
  assert_err (assuan_process (s->ctx), 0);
}

static void
call_process_half (struct stage *s) {
  peer_say (s->peer, "SAY");
  shutdown (s->peer, SHUT_WR);
  assuan_process (s->ctx);
}

static void
call_process_next (struct stage *s) {
  int done = -1;

  peer_say (s->peer, "SAY\n\nPRINT\nHELP\nBOGUS\nNOP\n");
  assert_err (assuan_process_next (s->ctx, &done), 0);
  assert_int_equal (done, w.is_released);
}

static void
call_process_answer (struct stage *s) {
  peer_say (s->peer, "D x\nEND\nNOP\n");
  assuan_process_next (s->ctx, NULL);
}

static void
call_process_done (struct stage *s) {
  assuan_process_done (s->ctx, assuan_set_error (s->ctx, ERR (GPG_ERR_FALSE), "one\ntwo"));
}

static void
call_write_status (struct stage *s) {
  assuan_write_status (s->ctx, "KEY", "one\ntwo");
}

static void
call_write_line (struct stage *s) {
  assuan_write_line (s->ctx, "one\ntwo");
}

static void
call_write_long_line (struct stage *s) {
  char line[1200];

  memset (line, 'x', sizeof line);
  line[sizeof line - 1] = 0;
  assuan_write_line (s->ctx, line);
}

static void
call_send_data (struct stage *s) {
  char data[5000];

  memset (data, '%', sizeof data);
  assuan_send_data (s->ctx, data, sizeof data);
  if (!w.is_released) assuan_send_data (s->ctx, "data", 4);
  if (!w.is_released) assuan_send_data (s->ctx, NULL, 0);
}

/* Behind the release only the program knows when its fprintf is over: the stream is the program's
 * then.  */
static void
call_print (struct stage *s) {
  FILE *fp = assuan_get_data_fp (s->ctx);

  assert_non_null (fp);
  for (int i = 0; i < 3 && !w.is_released; i++)
    fprintf (fp, "%1500d", i);
  if (!w.is_released) return;
  errno = 0;
  assert_true (fprintf (fp, "%1500d", 7) < 0);
  assert_int_equal (errno, EPIPE);
  assert_int_equal (fclose (fp), 0);
}

static void
call_sendfd (struct stage *s) {
  assert_err (assuan_send_data (s->ctx, "data", 4), 0);
  assert_err (assuan_sendfd (s->ctx, 0), 0);
}

static void
call_inquire (struct stage *s) {
  unsigned char *buf = NULL;
  size_t len = 0;
  gpg_error_t rc;

  peer_say (s->peer, "# c\nD x\nD y\nEND\n");
  rc = assuan_inquire (s->ctx, "KEY one\ntwo", &buf, &len, 0);
  assert_err (rc, w.is_released ? ERR (GPG_ERR_EOF) : 0);
  assert_true (!buf == w.is_released);
  if (buf) assuan_free (s->ctx, buf);
}

static void
call_inquire_ext (struct stage *s) {
  gpg_error_t rc = assuan_inquire_ext (s->ctx, "KEY one\ntwo", 0, on_answer, s);

  assert_err (rc, w.is_released ? ERR (GPG_ERR_CANCELED) : 0);
}

static void
call_read_line (struct stage *s) {
  for (int i = 0; i < 2 && !w.is_released; i++) {
    gpg_error_t rc;
    char *line = NULL;
    size_t len;

    peer_say (s->peer, "line\n");
    rc = assuan_read_line (s->ctx, &line, &len);
    assert_err (rc, w.is_released ? ERR (GPG_ERR_EOF) : 0);
    if (rc)
      assert_null (line);
    else
      assert_string_equal (line, "line");
  }
}

static void
call_read_end (struct stage *s) {
  size_t len;
  char *line;

  if (s->peer != -1) shutdown (s->peer, SHUT_WR);
  assert_int_not_equal (assuan_read_line (s->ctx, &line, &len), 0);
}

static void
call_read_response (struct stage *s) {
  char *line = NULL;
  gpg_error_t rc;
  int len;

  peer_say (s->peer, "\nD a%25b\n");
  rc = assuan_client_read_response (s->ctx, &line, &len);
  assert_err (rc, w.is_released ? ERR (GPG_ERR_EOF) : 0);
  if (rc)
    assert_null (line);
  else
    assert_string_equal (line, "D a%b");
}

static gpg_error_t
on_data (void *arg, const void *buf, size_t len) {
  (void) arg;
  (void) buf;
  (void) len;
  assert_false (w.is_released);
  return 0;
}

static gpg_error_t
on_status (void *arg, const char *text) {
  (void) arg;
  (void) text;
  assert_false (w.is_released);
  return 0;
}

static gpg_error_t
on_inquire (void *arg, const char *text) {
  struct stage *s = arg;

  assert_false (w.is_released);
  if (*text == 'N') return ERR (GPG_ERR_CANCELED);
  return assuan_send_data (s->ctx, "data", 4);
}

/* Of a reply and one that is given up; of one that is no reply; and of none.  */
static void
transact (struct stage *s, const char *command, const char *reply) {
  if (*reply) peer_say (s->peer, reply);
  assuan_transact (s->ctx, command, on_data, s, on_inquire, s, on_status, s);
}

static void
call_transact (struct stage *s) {
  transact (s, "A\nB", "S x\n# c\nD x\nINQUIRE KEY\nD y\nOK\n");
  if (!w.is_released) transact (s, "C", "INQUIRE NO\nD y\nERR 99\n");
}

static void
call_transact_drain (struct stage *s) {
  peer_say (s->peer, "D x\nD y\nINQUIRE KEY\nOK\nOK\n");
  assuan_transact (s->ctx, "A", NULL, NULL, NULL, NULL, NULL, NULL);
  if (!w.is_released) transact (s, "B", "");
}

static void
call_transact_garbage (struct stage *s) {
  transact (s, "A", "garbage\nOK\n");
}

static void
call_transact_alone (struct stage *s) {
  transact (s, "A", "");
}

static void
call_connect_fd (struct stage *s) {
  gpg_error_t rc;
  int fds[2];

  new_socketpair (fds);
  peer_say (fds[1], "# one\n\nOK two\n");
  rc = assuan_socket_connect_fd (s->ctx, fds[0], 0);
  assert_err (rc, w.is_released ? ERR (GPG_ERR_CANCELED) : 0);
  close (fds[1]);
}

static void
call_connect_refused (struct stage *s) {
  char octets[100];
  gpg_error_t rc;
  int fds[2];

  new_socketpair (fds);
  peer_say (fds[1], "ERR 99\n");
  rc = assuan_socket_connect_fd (s->ctx, fds[0], 0);
  assert_err (rc, ERR (w.is_released ? GPG_ERR_CANCELED : GPG_ERR_ASS_CONNECT_FAILED));
  peer_read_all (fds[1], octets, sizeof octets);
  close (fds[1]);
}

static void
call_connect_nobody (struct stage *s) {
  assert_int_not_equal (
      assuan_socket_connect (s->ctx, suite_tmpfile ("none"), ASSUAN_INVALID_PID, 0), 0);
}

/* Greets whoever comes, and may be gone again.  */
static void *
greet_one (void *arg) {
  struct stage *s = arg;
  int fd = accept4 (s->listener, NULL, NULL, SOCK_CLOEXEC);

  send (fd, "OK\n", 3, MSG_NOSIGNAL);
  return (void *) (intptr_t) fd;
}

static void
call_connect (struct stage *s) {
  pthread_t thread;
  gpg_error_t rc;
  void *fd;

  listen_for_peers (s);
  assert_int_equal (pthread_create (&thread, NULL, greet_one, s), 0);
  rc = assuan_socket_connect (s->ctx, s->address.sun_path, ASSUAN_INVALID_PID, 0);
  if (w.is_released) assert_int_equal (rc, ERR (GPG_ERR_CANCELED));
  if (w.is_released) close (dial (s)); /* who was released before that never came */
  pthread_join (thread, &fd);
  close ((int) (intptr_t) fd);
}

static void
call_pipe_connect (struct stage *s) {
  static const struct start plain;
  gpg_error_t rc = try_child (s->ctx, MODE_PIPES, &plain);

  assert_err (rc, w.is_released ? ERR (GPG_ERR_CANCELED) : 0);
}

/* --- The table -------------------------------------------------------------------------------- */

#define BY_MONITOR (1u << MONITOR)
#define BY_LOG     (1u << LOG_ASKED | 1u << LOG_TOLD)
#define SHOWN      (BY_MONITOR | BY_LOG)
#define CONTINUED  (1u << CONTINUATION)

static void
open_nothing (struct stage *s) {
  s->ctx = NULL;
}

/* WAYS: those that must be able to release the context.  */
static const struct scene {
  const char *name;
  void (*open) (struct stage *s);
  void (*call) (struct stage *s);
  unsigned int ways;
} scenes[] = {
  { "assuan_new_ext", open_nothing, call_new, BY_LOG },
  { "assuan_release, a client's", open_client, call_release, SHOWN },
  { "assuan_release, with an inquiry", open_asking, call_release, CONTINUED | BY_LOG },
  { "assuan_accept, a connection", open_handed_over, call_accept, SHOWN },
  { "assuan_accept, a client", open_listening, call_accept, SHOWN },
  { "assuan_accept, the next one", open_listening_again, call_accept, SHOWN },
  { "assuan_accept, with an inquiry", open_listening_asking, call_accept, SHOWN | CONTINUED },
  { "assuan_init_socket_server", open_listening_asking, call_init_socket, CONTINUED },
  { "assuan_init_pipe_server", open_listening_asking, call_init_pipe, CONTINUED },
  { "assuan_get_active_fds", open_handed_over, call_active_fds, SHOWN },
  { "assuan_process", open_server, call_process, SHOWN },
  { "assuan_process, half a line", open_server, call_process_half, BY_LOG },
  { "assuan_process_next", open_server, call_process_next, SHOWN },
  { "assuan_process_next, opening", open_handed_over, call_process_next, SHOWN },
  { "assuan_process_next, with an inquiry", open_asking, call_process_answer, SHOWN | CONTINUED },
  { "assuan_process_done", open_busy, call_process_done, SHOWN },
  { "assuan_process_done, with an inquiry", open_asking, call_process_done, SHOWN | CONTINUED },
  { "assuan_write_status", open_server, call_write_status, SHOWN },
  { "assuan_write_status, in a command", open_busy, call_write_status, SHOWN },
  { "assuan_write_line", open_server, call_write_line, SHOWN },
  { "assuan_write_line, too long", open_client, call_write_long_line, SHOWN },
  { "assuan_send_data, a server's", open_busy, call_send_data, SHOWN },
  { "assuan_send_data, a client's", open_client, call_send_data, SHOWN },
  { "assuan_get_data_fp", open_busy, call_print, SHOWN },
  { "assuan_sendfd", open_busy, call_sendfd, SHOWN },
  { "assuan_inquire", open_busy, call_inquire, SHOWN },
  { "assuan_inquire_ext", open_busy, call_inquire_ext, SHOWN },
  { "assuan_read_line", open_server, call_read_line, SHOWN },
  { "assuan_read_line, the end", open_client, call_read_end, BY_LOG },
  { "assuan_read_line, an error", open_left_client, call_read_end, BY_LOG },
  { "assuan_client_read_response", open_client, call_read_response, SHOWN },
  { "assuan_transact", open_client, call_transact, SHOWN },
  { "assuan_transact, given up", open_client, call_transact_drain, SHOWN },
  { "assuan_transact, garbage", open_client, call_transact_garbage, SHOWN },
  { "assuan_transact, alone", open_left_client, call_transact_alone, SHOWN },
  { "assuan_socket_connect_fd", open_nowhere, call_connect_fd, SHOWN },
  { "assuan_socket_connect_fd, refused", open_nowhere, call_connect_refused, SHOWN },
  { "assuan_socket_connect_fd, again", open_client, call_connect_fd, SHOWN },
  { "assuan_socket_connect", open_nowhere, call_connect, SHOWN },
  { "assuan_socket_connect, again", open_client, call_connect, SHOWN },
  { "assuan_socket_connect, nobody", open_nowhere, call_connect_nobody, BY_LOG },
  { "assuan_pipe_connect", open_nowhere, call_pipe_connect, SHOWN },
  { "assuan_pipe_connect, again", open_child, call_pipe_connect, SHOWN },
};
#define N_SCENES (sizeof scenes / sizeof *scenes)

/* The connection is closed, whoever ended it.  */
static void
end (struct stage *s) {
  char octets[20000];

  if (!w.is_released) assuan_release (s->ctx);
  if (s->peer != -1) peer_read_all (s->peer, octets, sizeof octets);
  for (int i = 0; i < 3; i++) {
    int fd = i == 0 ? s->peer : i == 1 ? s->newcomer : s->listener;
    if (fd != -1) close (fd);
  }
}

/* Plays SCENE, with a release at callback number AT.  Returns whether there are so many.  */
static bool
play (const struct scene *scene, enum way way, unsigned int at) {
  struct stage s = { .peer = -1, .newcomer = -1, .listener = -1 };
  bool was_in_time;

  memset (&w, 0, sizeof w);
  freed = NULL; /* of one that failed */
  n_live = 0;
  scene->open (&s);
  w.way = way;
  w.left = at;
  scene->call (&s);
  was_in_time = !w.left;
  w.left = 0;
  end (&s);
  assert_int_equal (w.n_late, 0);
  assert_int_equal (n_live, 0);
  forget_freed ();
  return was_in_time;
}

static void
play_all (void **state) {
  const struct scene *scene = *state;

  /* The reference library uses the context after that.  */
  if (on_oracle ()) skip ();
  for (unsigned int way = 0; way < N_WAYS; way++) {
    unsigned int at = 1;

    while (play (scene, (enum way) way, at))
      at++;
    if (at == 1 && scene->ways >> way & 1) fail_msg ("nothing of it is shown this way");
  }
}

int
main (void) {
  struct CMUnitTest tests[N_SCENES];

  for (size_t i = 0; i < N_SCENES; i++)
    tests[i] = (struct CMUnitTest){ scenes[i].name, play_all, suite_setup, suite_teardown,
                                    (void *) (uintptr_t) &scenes[i] };
  return suite_run (tests);
}
