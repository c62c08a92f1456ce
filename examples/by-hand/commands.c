/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* commands.c - the commands of the example server.

   Each shows one way to serve a command without waiting:

   ECHO, FAIL   answer at once
   COUNT        a timer, and status lines that tell how far it is
   LIST         a long answer, written piece by piece as the client reads it
   DIGEST       an inquiry, whose answer comes some time later; then a long computation, in pieces
   COPY         bulk data between two descriptors that the client has passed

   What a job needs to know is a struct of its own, conn->work, which lives from conn_begin to the
   job's `end`, whichever way that comes.  */

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loop-server.h" /* before gcrypt.h, for GPG_ERR_SOURCE_DEFAULT */

#include <gcrypt.h>

#define TICK_MS          100          /* between two status lines of COUNT */
#define LIST_BATCH       64           /* lines; see list_speak */
#define DIGEST_MAX_LEN   (16u << 20)  /* octets that DIGEST takes */
#define DIGEST_PIECE_LEN (256u << 10) /* octets that are hashed at a time */
#define COPY_BUFFER_LEN  (64u << 10)  /* as much as a pipe holds */

/* Reads the only argument of a command, a number.  */
static gpg_error_t
parse_number (assuan_context_t ctx, const char *line, unsigned long *ret_number) {
  unsigned long number;
  char *end;

  errno = 0;
  number = strtoul (line, &end, 10);
  /* strtoul would take blanks and signs, too.  */
  if (!isdigit ((unsigned char) *line) || errno || end[strspn (end, " \t")])
    return assuan_set_error (ctx, gpg_error (GPG_ERR_ASS_PARAMETER), "one number is needed");
  *ret_number = number;
  return 0;
}

/* --- ECHO and FAIL: the answer is known at once ----------------------------------------------- */

static gpg_error_t
cmd_echo (assuan_context_t ctx, char *line) {
  return assuan_process_done (ctx, assuan_send_data (ctx, line, strlen (line)));
}

static gpg_error_t
cmd_fail (assuan_context_t ctx, char *line) {
  size_t n_digits = strspn (line, "0123456789");
  unsigned long code = n_digits && n_digits < 6 ? strtoul (line, NULL, 10) : 0;
  const char *text = line + n_digits + strspn (line + n_digits, " \t");
  gpg_error_t err;

  if (code < 1 || code >= GPG_ERR_CODE_DIM || (*text && text == line + n_digits))
    err = assuan_set_error (ctx, gpg_error (GPG_ERR_ASS_PARAMETER), "the code must be 1 to 65535");
  else
    err = assuan_set_error (ctx, gpg_error ((gpg_err_code_t) code), *text ? text : NULL);
  return assuan_process_done (ctx, err);
}

/* --- COUNT: a timer --------------------------------------------------------------------------- */

struct count {
  struct conn *conn;
  struct timer timer;
  unsigned long i, n;
};

static void
count_tick (struct timer *timer) {
  struct count *count = timer->owner;

  conn_set_state (count->conn, CONN_SPEAKING);
}

/* Says how far we are, in the form that GnuPG gives its PROGRESS lines: what, "?", now, in all.
   The next tick is set only now: for a client that does not read, the time stands still.  */
static gpg_error_t
count_speak (struct conn *conn) {
  struct count *count = conn->work;
  char text[64];
  gpg_error_t err;

  snprintf (text, sizeof text, "COUNT ? %lu %lu", ++count->i, count->n);
  err = assuan_write_status (conn->ctx, "PROGRESS", text);
  if (err) return err;
  if (count->i == count->n) return conn_finish (conn, 0);
  timer_start (&count->timer, TICK_MS);
  conn_set_state (conn, CONN_WORKING);
  return 0;
}

static void
count_end (struct conn *conn) {
  struct count *count = conn->work;

  timer_stop (&count->timer);
  free (count);
}

static const struct job count_job = { count_speak, count_end };

static gpg_error_t
cmd_count (assuan_context_t ctx, char *line) {
  struct conn *conn = assuan_get_pointer (ctx);
  struct count *count;
  unsigned long n;
  gpg_error_t err = parse_number (ctx, line, &n);

  if (err || !n) return assuan_process_done (ctx, err);
  count = calloc (1, sizeof *count);
  if (!count) return assuan_process_done (ctx, gpg_error_from_syserror ());
  count->conn = conn;
  count->n = n;
  count->timer = (struct timer) { .loop = conn_loop (conn), .due = count_tick, .owner = count };
  timer_start (&count->timer, TICK_MS);
  conn_begin (conn, &count_job, count, CONN_WORKING);
  return 0;
}

/* --- LIST: a long answer ---------------------------------------------------------------------- */

struct list {
  unsigned long i, n;
};

/* Writes some lines and leaves the rest for the next time that there is room.  The kernel calls a
   socket writable when three quarters of its buffer, some 150 KiB, are free; a line takes less than
   1 KiB of that, with all that the kernel adds.  So a batch never has to wait.  */
static gpg_error_t
list_speak (struct conn *conn) {
  struct list *list = conn->work;

  for (int k = 0; k < LIST_BATCH && list->i < list->n; k++) {
    char text[32];
    int len = snprintf (text, sizeof text, "%lu\n", ++list->i);
    gpg_error_t err = assuan_send_data (conn->ctx, text, (size_t) len);

    /* Without this, the library would fill each data line up to 1000 octets.  */
    if (!err) err = assuan_send_data (conn->ctx, NULL, 0);
    if (err) return err;
  }
  return list->i < list->n ? 0 : conn_finish (conn, 0);
}

static void
list_end (struct conn *conn) {
  free (conn->work);
}

static const struct job list_job = { list_speak, list_end };

static gpg_error_t
cmd_list (assuan_context_t ctx, char *line) {
  struct list *list;
  unsigned long n;
  gpg_error_t err = parse_number (ctx, line, &n);

  if (err || !n) return assuan_process_done (ctx, err);
  list = calloc (1, sizeof *list);
  if (!list) return assuan_process_done (ctx, gpg_error_from_syserror ());
  list->n = n;
  conn_begin (assuan_get_pointer (ctx), &list_job, list, CONN_SPEAKING);
  return 0;
}

/* --- DIGEST: an inquiry, and a long computation ----------------------------------------------- */

struct digest {
  struct conn *conn;
  struct timer timer;  /* for the next piece */
  unsigned char *data; /* the library has allocated it for us */
  size_t data_len, done_len;
  gcry_md_hd_t hash;
  gpg_error_t err;
};

/* Hashes one piece.  All 16 MiB would take some 50 ms, in which no other client is served.  */
static void
digest_piece (struct timer *timer) {
  struct digest *digest = timer->owner;
  size_t len = digest->data_len - digest->done_len;

  if (len > DIGEST_PIECE_LEN) len = DIGEST_PIECE_LEN;
  if (len) gcry_md_write (digest->hash, digest->data + digest->done_len, len);
  digest->done_len += len;
  if (digest->done_len < digest->data_len)
    timer_start (timer, 0);
  else
    conn_set_state (digest->conn, CONN_SPEAKING);
}

/* The inquiry is over: the data are there, or ERR tells why not.  Called by assuan_process_next, or
   by assuan_release when the connection is closed first; there is no job any more then.  */
static gpg_error_t
digest_data (void *cb_data, gpg_error_t err, unsigned char *data, size_t data_len) {
  struct conn *conn = cb_data;
  struct digest *digest = conn->work;

  if (!digest) {
    free (data);
    return err;
  }
  digest->data = data;
  digest->data_len = data_len;
  digest->err = err;
  if (!err) {
    conn_set_state (conn, CONN_WORKING);
    timer_start (&digest->timer, 0);
  } else
    conn_set_state (conn, CONN_SPEAKING);
  return 0;
}

static gpg_error_t
digest_speak (struct conn *conn) {
  struct digest *digest = conn->work;
  gpg_error_t err = digest->err;

  if (!err) {
    const unsigned char *hash = gcry_md_read (digest->hash, GCRY_MD_SHA256);
    char hex[2 * 32 + 1];

    for (size_t i = 0; i < 32; i++)
      snprintf (hex + 2 * i, 3, "%02x", hash[i]);
    err = assuan_send_data (conn->ctx, hex, 2 * 32);
  }
  return conn_finish (conn, err);
}

static void
digest_end (struct conn *conn) {
  struct digest *digest = conn->work;

  timer_stop (&digest->timer);
  gcry_md_close (digest->hash);
  free (digest->data);
  free (digest);
}

static const struct job digest_job = { digest_speak, digest_end };

static gpg_error_t
cmd_digest (assuan_context_t ctx, char *line) {
  struct conn *conn = assuan_get_pointer (ctx);
  struct digest *digest = calloc (1, sizeof *digest);
  gpg_error_t err;

  (void) line;
  if (!digest) return assuan_process_done (ctx, gpg_error_from_syserror ());
  digest->conn = conn;
  digest->timer = (struct timer) { .loop = conn_loop (conn), .due = digest_piece, .owner = digest };
  conn_begin (conn, &digest_job, digest, CONN_ASKING);
  err = gcry_md_open (&digest->hash, GCRY_MD_SHA256, 0);
  if (!err) err = assuan_inquire_ext (ctx, "DATA", DIGEST_MAX_LEN, digest_data, conn);
  return err ? conn_finish (conn, err) : 0;
}

/* --- COPY: bulk data -------------------------------------------------------------------------- */

/* The buffer is filled, then emptied, then filled again.  So at any time just one of the two is
   waited for, however slow the other may be.  */
struct copy {
  struct conn *conn;
  struct watch in, out;
  int in_flags, out_flags; /* as the client had them; -1: not changed */
  bool closed;
  gpg_error_t err;
  unsigned long long n_copied;
  size_t start, end; /* what is in the buffer */
  char buffer[COPY_BUFFER_LEN];
};

/* Makes FD non-blocking.  A ready descriptor is no promise, because other processes may use it as
   well.  The client shares this flag with us, so it gets back what it had, RET_FLAGS.  */

static gpg_error_t
set_nonblocking (int fd, int wrong_mode, int *ret_flags) {
  int flags = fcntl (fd, F_GETFL);

  if (flags < 0) return gpg_error_from_syserror ();
  if ((flags & O_ACCMODE) == wrong_mode) return gpg_error_from_errno (EBADF);
  if (fcntl (fd, F_SETFL, flags | O_NONBLOCK)) return gpg_error_from_syserror ();
  *ret_flags = flags;
  return 0;
}

/* Returns the descriptors to what they were and closes them.  That goes through the context, which
   owns them: it would otherwise close the same numbers later, when they mean other files.  */
static void
copy_close (struct copy *copy) {
  if (copy->closed) return;
  copy->closed = true;
  watch_set (&copy->in, 0);
  watch_set (&copy->out, 0);
  /* The last one first: both may be the same terminal.  */
  if (copy->out_flags >= 0) fcntl (copy->out.fd, F_SETFL, copy->out_flags);
  if (copy->in_flags >= 0) fcntl (copy->in.fd, F_SETFL, copy->in_flags);
  assuan_close_input_fd (copy->conn->ctx);
  assuan_close_output_fd (copy->conn->ctx);
}

/* Nothing more can be copied; what is left is to tell.  The descriptors are closed at once, because
   another process may wait for the end of file.  */
static void
copy_stop (struct copy *copy, gpg_error_t err) {
  copy->err = err;
  copy_close (copy);
  conn_set_state (copy->conn, CONN_SPEAKING);
}

/* Waits for input if the buffer is empty, else for room.  While there is nothing to write, output
   is watched for errors: its reader may go away.  Input must then not be watched at all: its end of
   file would be reported without end.  Returns 0, or -1 with errno.  */
static int
copy_wait (struct copy *copy) {
  bool empty = copy->start == copy->end;

  if (watch_set (&copy->out, empty ? EPOLLERR : EPOLLOUT)) return -1;
  return watch_set (&copy->in, empty ? EPOLLIN : 0);
}

/* Whether a read or write has just come too early.  Not if the descriptor is in error: epoll would
   report that again and again.  */
static bool
is_temporary (int error, uint32_t events) {
  return (error == EAGAIN || error == EINTR) && !(events & (EPOLLERR | EPOLLHUP));
}

static void
copy_read (struct watch *watch, uint32_t events) {
  struct copy *copy = watch->owner;
  ssize_t n = read (watch->fd, copy->buffer, sizeof copy->buffer);

  if (n < 0 && is_temporary (errno, events)) return;
  if (n <= 0) {
    copy_stop (copy, n ? gpg_error_from_syserror () : 0);
    return;
  }
  copy->start = 0;
  copy->end = (size_t) n;
  if (copy_wait (copy)) copy_stop (copy, gpg_error_from_syserror ());
}

static void
copy_write (struct watch *watch, uint32_t events) {
  struct copy *copy = watch->owner;
  ssize_t n;

  if (copy->start == copy->end) {
    copy_stop (copy, gpg_error_from_errno (EPIPE)); /* see copy_wait */
    return;
  }
  n = write (watch->fd, copy->buffer + copy->start, copy->end - copy->start);
  if (n < 0 && is_temporary (errno, events)) return;
  if (n >= 0) {
    copy->start += (size_t) n;
    copy->n_copied += (size_t) n;
  }
  if (n < 0 || copy_wait (copy)) copy_stop (copy, gpg_error_from_syserror ());
}

static gpg_error_t
copy_speak (struct conn *conn) {
  struct copy *copy = conn->work;
  char text[32];
  gpg_error_t err;

  snprintf (text, sizeof text, "%llu", copy->n_copied);
  err = assuan_write_status (conn->ctx, "COPIED", text);
  return err ? err : conn_finish (conn, copy->err);
}

static void
copy_end (struct conn *conn) {
  struct copy *copy = conn->work;

  copy_close (copy);
  free (copy);
}

static const struct job copy_job = { copy_speak, copy_end };

static gpg_error_t
cmd_copy (assuan_context_t ctx, char *line) {
  struct conn *conn = assuan_get_pointer (ctx);
  struct loop *loop = conn_loop (conn);
  int in_fd = assuan_get_input_fd (ctx), out_fd = assuan_get_output_fd (ctx);
  struct copy *copy;
  gpg_error_t err;

  (void) line;
  if (in_fd < 0) return assuan_process_done (ctx, gpg_error (GPG_ERR_ASS_NO_INPUT));
  if (out_fd < 0) return assuan_process_done (ctx, gpg_error (GPG_ERR_ASS_NO_OUTPUT));
  copy = calloc (1, sizeof *copy);
  if (!copy) return assuan_process_done (ctx, gpg_error_from_syserror ());
  copy->conn = conn;
  copy->in = (struct watch) { .loop = loop, .fd = in_fd, .ready = copy_read, .owner = copy };
  copy->out = (struct watch) { .loop = loop, .fd = out_fd, .ready = copy_write, .owner = copy };
  copy->in_flags = copy->out_flags = -1;
  conn_begin (conn, &copy_job, copy, CONN_WORKING);

  err = set_nonblocking (in_fd, O_WRONLY, &copy->in_flags);
  if (!err) err = set_nonblocking (out_fd, O_RDONLY, &copy->out_flags);
  if (!err && copy_wait (copy)) err = gpg_error_from_syserror ();
  return err ? conn_finish (conn, err) : 0;
}

/* --- The table -------------------------------------------------------------------------------- */

/* HELP shows the first line of each, HELP NAME the whole text.  A handler that is NULL is the
   library's own.  */
static const struct {
  const char *name;
  assuan_handler_t handler;
  const char *help;
} commands[] = {
  { "ECHO", cmd_echo,
    "ECHO text\n\n"
    "Answer with the text as data." },
  { "COUNT", cmd_count,
    "COUNT n\n\n"
    "Count to n, ten times a second, with a status line each time:\n"
    "  S PROGRESS COUNT ? <now> <n>" },
  { "LIST", cmd_list,
    "LIST n\n\n"
    "Answer with n lines of data, the numbers from 1 to n." },
  { "DIGEST", cmd_digest,
    "DIGEST\n\n"
    "Ask for data with\n"
    "  INQUIRE DATA\n"
    "and answer with their SHA-256 in hex.  They may have 16 MiB." },
  { "INPUT", NULL,
    "INPUT FD\n\n"
    "Take the descriptor that was passed last as the input of COPY." },
  { "OUTPUT", NULL,
    "OUTPUT FD\n\n"
    "Take the descriptor that was passed last as the output of COPY." },
  { "COPY", cmd_copy,
    "COPY\n\n"
    "Copy INPUT to OUTPUT up to its end and close both.  Then tell the\n"
    "number of octets:\n"
    "  S COPIED <n>" },
  { "FAIL", cmd_fail,
    "FAIL code [text]\n\n"
    "Fail with the error code, a number, and the text." },
};

gpg_error_t
commands_register (assuan_context_t ctx) {
  gpg_error_t err = 0;

  for (size_t i = 0; !err && i < sizeof commands / sizeof *commands; i++)
    err = assuan_register_command (ctx, commands[i].name, commands[i].handler, commands[i].help);
  return err;
}

int
commands_init (void) {
  /* This comes before any other call of libgcrypt, and sets it up.  */
  if (!gcry_check_version (GCRYPT_VERSION)) {
    fprintf (stderr, "loop-server: libgcrypt is older than %s\n", GCRYPT_VERSION);
    return -1;
  }
  /* Nothing here is secret, so there is no need of memory that is never swapped out.  */
  gcry_control (GCRYCTL_DISABLE_SECMEM, 0);
  gcry_control (GCRYCTL_INITIALIZATION_FINISHED, 0);
  return 0;
}
