/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vault-2-continuation.c - the same, but PUT asks with assuan_inquire_ext, which does not wait.

   usage: vault SOCKET DIGEST-SOCKET

     OPTION prefix=TEXT   names of this client begin with TEXT
     PUT NAME             keeps what the client answers to INQUIRE DATA
     GET NAME             sends it as data
     DEL NAME             forgets it
     LIST                 status lines: S PIECE name octets
     SUM NAME             its SHA-256, which the server at DIGEST-SOCKET computes (DIGEST)  */

#include <assuan.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_LEN ((size_t) 1 << 20) /* of a piece */
#define DIM(a)  (sizeof (a) / sizeof *(a))

/* --- Pieces ----------------------------------------------------------------------------------- */

struct piece {
  struct piece *next;
  char *name;
  unsigned char *data;
  size_t len;
};

static struct piece *pieces;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of all of them */
static const char *digest_path;

/* Returns where the pointer to the piece NAME is, or would be.  */
static struct piece **
find (const char *name) {
  struct piece **p = &pieces;

  while (*p && strcmp ((*p)->name, name))
    p = &(*p)->next;
  return p;
}

static void
forget (struct piece **p) {
  struct piece *piece = *p;

  *p = piece->next;
  free (piece->name);
  free (piece->data);
  free (piece);
}

/* Keeps a copy of LEN octets at DATA.  */
static gpg_error_t
keep (const char *name, const unsigned char *data, size_t len) {
  struct piece *piece = calloc (1, sizeof *piece);

  if (piece) piece->name = strdup (name);
  if (piece) piece->data = malloc (len + 1);
  if (!piece || !piece->name || !piece->data) {
    if (piece) free (piece->name);
    free (piece);
    return gpg_error_from_syserror ();
  }
  memcpy (piece->data, data, len);
  piece->len = len;
  if (*find (name)) forget (find (name));
  piece->next = pieces;
  pieces = piece;
  return 0;
}

/* --- Sessions --------------------------------------------------------------------------------- */

struct session {
  char prefix[64];
};

/* Makes the full name of the piece that LINE names, which the caller frees.  */
static char *
full_name (assuan_context_t ctx, const char *line) {
  struct session *session = assuan_get_pointer (ctx);
  char *name = malloc (strlen (session->prefix) + strlen (line) + 1);

  if (name) strcat (strcpy (name, session->prefix), line);
  return name;
}

static gpg_error_t
set_option (assuan_context_t ctx, const char *name, const char *value) {
  struct session *session = assuan_get_pointer (ctx);

  if (strcmp (name, "prefix")) return gpg_error (GPG_ERR_UNKNOWN_OPTION);
  if (strlen (value) >= sizeof session->prefix) return gpg_error (GPG_ERR_TOO_LARGE);
  strcpy (session->prefix, value);
  return 0;
}

static gpg_error_t
was_reset (assuan_context_t ctx, char *line) {
  struct session *session = assuan_get_pointer (ctx);

  (void) line;
  session->prefix[0] = 0;
  return 0;
}

/* --- Commands --------------------------------------------------------------------------------- */

struct put {
  assuan_context_t ctx;
  char *name;
};

static gpg_error_t
data_came (void *arg, gpg_error_t err, unsigned char *data, size_t len) {
  struct put *put = arg;

  if (!err) {
    pthread_mutex_lock (&lock);
    err = keep (put->name, data, len);
    pthread_mutex_unlock (&lock);
  }
  assuan_free (put->ctx, data);
  free (put->name);
  free (put);
  return err;
}

static gpg_error_t
cmd_put (assuan_context_t ctx, char *line) {
  struct put *put = calloc (1, sizeof *put);
  gpg_error_t err;

  if (!put) return gpg_error_from_syserror ();
  put->ctx = ctx;
  put->name = full_name (ctx, line);
  err = put->name ? 0 : gpg_error_from_syserror ();
  if (!err) err = assuan_inquire_ext (ctx, "DATA", MAX_LEN, data_came, put);
  if (err) {
    free (put->name);
    free (put);
  }
  return err;
}

static gpg_error_t
cmd_get (assuan_context_t ctx, char *line) {
  char *name = full_name (ctx, line);
  gpg_error_t err = name ? gpg_error (GPG_ERR_NOT_FOUND) : gpg_error_from_syserror ();

  pthread_mutex_lock (&lock);
  if (name && *find (name)) err = assuan_send_data (ctx, (*find (name))->data, (*find (name))->len);
  pthread_mutex_unlock (&lock);
  free (name);
  return err;
}

static gpg_error_t
cmd_del (assuan_context_t ctx, char *line) {
  char *name = full_name (ctx, line);
  gpg_error_t err = name ? gpg_error (GPG_ERR_NOT_FOUND) : gpg_error_from_syserror ();

  pthread_mutex_lock (&lock);
  if (name && *find (name)) {
    forget (find (name));
    err = 0;
  }
  pthread_mutex_unlock (&lock);
  free (name);
  return err;
}

static gpg_error_t
cmd_list (assuan_context_t ctx, char *line) {
  gpg_error_t err = 0;

  (void) line;
  pthread_mutex_lock (&lock);
  for (struct piece *piece = pieces; piece && !err; piece = piece->next) {
    char text[900];
    snprintf (text, sizeof text, "%s %zu", piece->name, piece->len);
    err = assuan_write_status (ctx, "PIECE", text);
  }
  pthread_mutex_unlock (&lock);
  return err;
}

/* --- The other server ------------------------------------------------------------------------- */

struct sum {
  assuan_context_t ctx;    /* of the client */
  assuan_context_t digest; /* of the server that computes */
  struct piece *piece;
};

static gpg_error_t
digest_asks (void *arg, const char *keyword) {
  struct sum *sum = arg;

  (void) keyword;
  return assuan_send_data (sum->digest, sum->piece->data, sum->piece->len);
}

static gpg_error_t
digest_says (void *arg, const void *data, size_t len) {
  struct sum *sum = arg;

  return assuan_send_data (sum->ctx, data, len);
}

static gpg_error_t
ask_digest (struct sum *sum) {
  gpg_error_t err = assuan_new (&sum->digest);

  if (!err) err = assuan_socket_connect (sum->digest, digest_path, ASSUAN_INVALID_PID, 0);
  if (!err)
    err = assuan_transact (sum->digest, "DIGEST", digest_says, sum, digest_asks, sum, NULL, NULL);
  assuan_release (sum->digest);
  return err;
}

static gpg_error_t
cmd_sum (assuan_context_t ctx, char *line) {
  struct sum sum = { .ctx = ctx };
  char *name = full_name (ctx, line);
  gpg_error_t err = name ? gpg_error (GPG_ERR_NOT_FOUND) : gpg_error_from_syserror ();

  pthread_mutex_lock (&lock);
  if (name) sum.piece = *find (name);
  if (sum.piece) err = ask_digest (&sum);
  pthread_mutex_unlock (&lock);
  free (name);
  return err;
}

/* --- The server ------------------------------------------------------------------------------- */

static const struct {
  const char *name;
  assuan_handler_t handler;
  const char *help;
} commands[] = {
  { "PUT", cmd_put, "PUT name\n\nKeep the answer to INQUIRE DATA under this name." },
  { "GET", cmd_get, "GET name\n\nSend the piece as data." },
  { "DEL", cmd_del, "DEL name\n\nForget the piece." },
  { "LIST", cmd_list, "LIST\n\nName all pieces:\n  S PIECE <name> <octets>" },
  { "SUM", cmd_sum, "SUM name\n\nSend the SHA-256 of the piece, in hex." },
};

static gpg_error_t
prepare (assuan_context_t ctx) {
  gpg_error_t err = assuan_set_hello_line (ctx, "the vault is open");

  for (size_t i = 0; i < DIM (commands) && !err; i++)
    err = assuan_register_command (ctx, commands[i].name, commands[i].handler, commands[i].help);
  if (!err) err = assuan_register_option_handler (ctx, set_option);
  if (!err) err = assuan_register_reset_notify (ctx, was_reset);
  return err;
}

static void *
serve (void *arg) {
  int fd = (int) (intptr_t) arg;
  struct session session = { "" };
  assuan_context_t ctx = NULL;
  gpg_error_t err = assuan_new (&ctx);

  if (!err) err = assuan_init_socket_server (ctx, fd, ASSUAN_SOCKET_SERVER_ACCEPTED);
  if (err) close (fd);
  if (!err) err = prepare (ctx);
  assuan_set_pointer (ctx, &session);
  if (!err) err = assuan_accept (ctx);
  if (!err) err = assuan_process (ctx);
  if (err) fprintf (stderr, "vault: a client: %s\n", gpg_strerror (err));
  assuan_release (ctx);
  return NULL;
}

static int
listen_at (const char *path) {
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  if (fd < 0 || strlen (path) >= sizeof address.sun_path) return -1;
  strcpy (address.sun_path, path);
  if (bind (fd, (struct sockaddr *) &address, sizeof address) || listen (fd, 64)) return -1;
  return fd;
}

int
main (int argc, char **argv) {
  int listener = argc == 3 ? listen_at (argv[1]) : -1;

  if (argc != 3) {
    fputs ("usage: vault SOCKET DIGEST-SOCKET\n", stderr);
    return 2;
  }
  if (listener < 0) {
    perror (argv[1]);
    return 1;
  }
  digest_path = argv[2];
  signal (SIGPIPE, SIG_IGN);
  printf ("vault: listening on %s\n", argv[1]);
  fflush (stdout);
  for (;;) {
    int fd = accept4 (listener, NULL, NULL, SOCK_CLOEXEC);
    pthread_t thread;
    if (fd < 0) continue;
    if (pthread_create (&thread, NULL, serve, (void *) (intptr_t) fd))
      close (fd);
    else
      pthread_detach (thread);
  }
}
