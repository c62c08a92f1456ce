/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* explain.c - why a server cannot listen, or a client cannot connect, in a sentence.

   An errno value says little of a path, of PATH, or of a user, so this looks at the system once
   more.  Where it finds nothing, the system's text has to do.  */

#include "io/explain.h"

#include "io/activation.h"
#include "io/address.h"
#include "io/command.h"
#include "io/endpoint.h"
#include "io/obstacle.h"
#include "io/program.h"
#include "io/sentence.h"
#include "io/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Ports below this are for root, unless an administrator says otherwise.  */
#define FIRST_FREE_PORT 1024

/* What failed.  */
struct trouble {
  struct eva__io_sentence text;
  enum eva__io_act act;
  const char *address;
  const char *program; /* or NULL */
  int error;
};

static void
quote (struct trouble *t, const char *text) {
  eva__io_sentence_quote (&t->text, text);
}

/* Adds words of ours.  */
static void
add (struct trouble *t, const char *text) {
  eva__io_sentence_quote (&t->text, text);
}

static const char *
skip (const char *text, const char *prefix) {
  size_t len = strlen (prefix);

  return strncmp (text, prefix, len) ? NULL : text + len;
}

/* The system's text.  */
static void
say_error (struct trouble *t) {
  eva__io_sentence_add_error (&t->text, t->error);
}

/* Returns the path, or the name, of ADDRESS if it is a Unix socket's, or NULL.  */
static const char *
name_of (const char *address) {
  const char *rest = skip (address, "unix:");

  if (!rest) rest = skip (address, "file://");
  return rest ? rest : *address == '/' || *address == '@' ? address : NULL;
}

/* --- Addresses of no known form --------------------------------------------------------------- */

static void
say_relative (struct trouble *t, const char *path) {
  char *buf = malloc (PATH_MAX), *dir = buf ? getcwd (buf, PATH_MAX) : NULL;

  add (t, "the path is relative; write unix:");
  quote (t, dir ? dir : "");
  add (t, "/");
  quote (t, path);
  free (buf);
}

/* REST is `IP:PORT`, and something is wrong with it.  */
static void
say_internet (struct trouble *t, const char *rest) {
  const char *colon = strrchr (rest, ':');
  const char *port = colon ? colon + 1 : "";
  bool has_port = *port && !port[strspn (port, "0123456789")];

  if (!colon || !has_port || strtoul (port, NULL, 10) > 65535)
    add (t, "the port is missing, or none; write it as in tcp:127.0.0.1:4711");
  else if (t->act == EVA__IO_CONNECT && !strtoul (port, NULL, 10))
    add (t, "port 0 is for listening alone");
  else if (strchr (rest, ':') != colon && *rest != '[')
    eva__io_sentence_add (&t->text, "an IPv6 address stands in brackets; write tcp:[%.*s]:%s",
                          (int) (colon - rest), rest, port);
  else if (skip (rest, "localhost:"))
    eva__io_sentence_add (&t->text, "names of hosts are not looked up; write tcp:127.0.0.1:%s",
                          port);
  else
    add (t, "the address is not numeric, and names of hosts are not looked up");
}

/* An address that is good for the other act, or for none.  */
static void
say_form (struct trouble *t) {
  const char *address = t->address, *rest;
  bool listens = t->act == EVA__IO_LISTEN;

  if ((rest = skip (address, "unix:")) && *rest && *rest != '@' && *rest != '/')
    say_relative (t, rest);
  else if (rest && (!*rest || *rest == '@'))
    add (t, "the name is missing");
  else if ((rest = skip (address, "tcp:")) || (rest = skip (address, "assuan://")))
    say_internet (t, rest);
  else if (skip (address, "fd:"))
    add (t, "this is the number of no descriptor");
  else if (skip (address, "exec:"))
    add (t, listens ? "a program is no place to listen on" : "the program is missing");
  else if ((rest = skip (address, "systemd:")))
    add (t, strchr (rest, ':') ? "the name of a socket has no colon"
                               : "these sockets are for listening alone");
  else if (skip (address, "ssh:"))
    add (t, listens ? "a socket of another host is no place to listen on"
                    : "write it as ssh:[USER@]HOST[:PORT]/PATH, without blanks");
  else if (listens && (*address == '/' || *address == '@'))
    eva__io_sentence_add (&t->text, "the address begins with what it is; write unix:%s", address);
  else
    add (t, listens ? "this is no address; write unix:/PATH, unix:@NAME, tcp:IP:PORT, fd:N or "
                      "systemd:NAME"
                    : "this is no address; write unix:/PATH, unix:@NAME, tcp:IP:PORT, fd:N, "
                      "exec:PROGRAM or ssh:HOST/PATH");
}

/* --- Unix sockets ----------------------------------------------------------------------------- */

static void
say_long (struct trouble *t) {
  const char *name = name_of (t->address);

  eva__io_sentence_add (
      &t->text, "the name has %zu octets, and the kernel takes 107; take a shorter one%s",
      strlen (name ? name : t->address),
      t->act == EVA__IO_CONNECT ? ", or a file that redirects to the socket (%Assuan%)" : "");
}

static void
say_abstract (struct trouble *t) {
  if (t->error == ECONNREFUSED)
    add (t, "no process listens under this name; does the server run?");
  else if (t->error == EADDRINUSE)
    add (t, "another socket has this name; does a server run already?");
  else
    say_error (t);
}

/* A client cannot connect to PATH, which is there or not.  */
static void
say_unreached (struct trouble *t, const char *path) {
  struct stat st;

  if (eva__io_obstacle_in_way (&t->text, path)) return;
  if (stat (path, &st))
    errno == ENOENT ? add (t, "there is no such socket; does the server run?") : say_error (t);
  else if (!S_ISSOCK (st.st_mode))
    eva__io_sentence_add (&t->text, "this is %s, not a socket", eva__io_obstacle_kind (st.st_mode));
  else if (t->error == ECONNREFUSED || t->error == ENOENT)
    add (t, "no process listens on this socket; has the server ended?");
  else if (t->error == EPROTOTYPE)
    add (t, "this socket is no stream");
  else if (t->error != EACCES || !eva__io_obstacle_rights (&t->text, "write to", path))
    say_error (t);
}

/* The directory of PATH, of which there is at least a slash.  */
static void
say_closed_directory (struct trouble *t, const char *path) {
  char *dir = strdup (path);

  if (dir) dir[strrchr (dir, '/') == dir ? 1 : strrchr (dir, '/') - dir] = 0;
  if (!dir || !eva__io_obstacle_rights (&t->text, "make files in", dir)) say_error (t);
  free (dir);
}

/* A server cannot listen at PATH.  */
static void
say_unbound (struct trouble *t, const char *path) {
  struct stat st;

  if (eva__io_obstacle_in_way (&t->text, path)) {
    if (t->error == ENOENT) add (t, "; make it first");
  } else if (t->error == EADDRINUSE && !lstat (path, &st) && !S_ISSOCK (st.st_mode)) {
    eva__io_sentence_add (&t->text,
                          "%s stands there, not a socket; remove it, or take another path",
                          eva__io_obstacle_kind (st.st_mode));
  } else if (t->error == EADDRINUSE) {
    add (t, "another server listens there; end it, or take its place (EVA_LISTEN_TAKE_OVER)");
  } else if (t->error == EPERM || t->error == EINVAL) {
    add (t, t->error == EPERM ? "a redirection file stands there that another user may have written"
                              : "the redirection file there names no path");
  } else if (t->error == EACCES) {
    say_closed_directory (t, path);
  } else {
    say_error (t);
  }
}

/* ADDRESS may be a file that redirects: then it is about where that leads to.  */
static void
say_unix (struct trouble *t, struct eva__io_endpoint *endpoint) {
  union eva__io_sockaddr *addr = &endpoint->addr;
  char path[sizeof addr->un.sun_path + 1] = "";

  memcpy (path, addr->un.sun_path, sizeof addr->un.sun_path);
  if (!*path) {
    say_abstract (t);
  } else if (t->act == EVA__IO_LISTEN) {
    say_unbound (t, path);
  } else if (eva__io_address_follow (addr, &endpoint->addr_len) < 0) {
    add (t, "this file redirects to no socket that has a name, or to one whose name is too long");
  } else {
    if (strncmp (path, addr->un.sun_path, sizeof addr->un.sun_path) != 0) {
      memcpy (path, addr->un.sun_path, sizeof addr->un.sun_path);
      add (t, "it redirects to ");
      quote (t, path);
      add (t, ": ");
    }
    say_unreached (t, path);
  }
}

/* --- The internet ----------------------------------------------------------------------------- */

static void
say_port (struct trouble *t, const struct eva__io_endpoint *endpoint) {
  unsigned int port = ntohs (endpoint->addr.in.sin_port); /* at the same place in both families */

  switch (t->error) {
  case ECONNREFUSED:
    add (t, "no process listens on this port; does the server run?");
    break;
  case EHOSTUNREACH:
  case ENETUNREACH:
    add (t, "there is no way to this host; is the network up?");
    break;
  case ENOTSUP:
    add (t, "this process connects by a proxy (assuan_sock_set_flag), which a loop cannot");
    break;
  case EADDRINUSE:
    add (t, "another socket has this port; does a server run already?");
    break;
  case EADDRNOTAVAIL:
    add (t, "no interface of this host has this address");
    break;
  case EACCES:
    if (t->act == EVA__IO_LISTEN && port && port < FIRST_FREE_PORT)
      eva__io_sentence_add (
          &t->text, "ports below %d are for root, or for CAP_NET_BIND_SERVICE; take another one",
          FIRST_FREE_PORT);
    else
      say_error (t);
    break;
  default:
    if (t->act == EVA__IO_CONNECT && t->error == EINVAL)
      say_form (t);
    else
      say_error (t);
  }
}

/* --- Descriptors ------------------------------------------------------------------------------ */

static void
say_fd (struct trouble *t) {
  switch (t->error) {
  case EBADF:
    add (t, "this descriptor is not open");
    break;
  case ENOTSOCK:
    add (t, "this descriptor is no socket");
    break;
  case EPROTOTYPE:
    add (t, "this socket is no stream");
    break;
  case ENOTCONN:
    add (t, "this socket has no connection");
    break;
  default:
    say_error (t);
  }
}

static void
say_activation (struct trouble *t, const char *name) {
  bool has_others = name && eva__io_activation_next (NULL, EVA__IO_ACTIVATION_START) >= 0;
  const char *names = getenv ("LISTEN_FDNAMES");

  if (t->error == EINVAL)
    add (t, "LISTEN_PID or LISTEN_FDS is no number");
  else if (t->error != ENOENT)
    say_fd (t);
  else if (has_others)
    eva__io_sentence_add (&t->text, "no socket of this name was passed; there are: %s",
                          names ? names : "unknown");
  else
    add (t, "no socket was passed to this process (LISTEN_FDS); start it by a socket unit of "
            "systemd, or by systemd-socket-activate");
}

/* --- Programs --------------------------------------------------------------------------------- */

/* PROGRAM has a slash.  */
static void
say_file (struct trouble *t, const char *program) {
  struct stat st;

  if (eva__io_obstacle_in_way (&t->text, program)) return;
  if (stat (program, &st)) {
    add (t, errno == ENOENT ? "there is no program " : "this is no program: ");
    quote (t, program);
  } else if (!S_ISREG (st.st_mode)) {
    quote (t, program);
    eva__io_sentence_add (&t->text, " is %s, not a program", eva__io_obstacle_kind (st.st_mode));
  } else if (!faccessat (AT_FDCWD, program, X_OK, AT_EACCESS)
             || !eva__io_obstacle_rights (&t->text, "execute", program)) {
    say_error (t);
  }
}

static void
say_word (struct trouble *t, const char *program) {
  const char *path = getenv ("PATH");

  if (strchr (program, '/')) {
    say_file (t, program);
  } else if (t->error == ENOENT || t->error == EACCES) {
    eva__io_sentence_add (&t->text, "no directory of PATH has %s ",
                          t->error == EACCES ? "an executable" : "a program");
    quote (t, program);
    add (t, "; PATH is ");
    quote (t, path ? path : EVA__IO_DEFAULT_PATH);
  } else {
    say_error (t);
  }
}

/* Returns the first word of COMMAND, for the caller to free, or NULL.  */
static char *
first_word (const char *command) {
  ssize_t n = eva__io_command_split (command, NULL, NULL);
  const char **argv = n > 0 ? malloc (((size_t) n + 1) * sizeof *argv) : NULL;
  char *buf = argv ? malloc (strlen (command) + 1) : NULL;
  char *word = NULL;

  if (buf) {
    eva__io_command_split (command, buf, argv);
    word = strdup (argv[0]);
  }
  free (buf);
  free (argv);
  return word;
}

/* Returns true if WORD is a program that can be found and executed.  */
static bool
is_there (const char *word) {
  const char *const argv[] = { word, NULL };
  struct eva__io_program *program;

  if (eva__io_program_new_words (argv, &program)) return false;
  free (program);
  return true;
}

static void
say_program (struct trouble *t, const char *command) {
  char *word = t->program ? strdup (t->program) : first_word (command);

  if (t->error == EBADMSG)
    add (t, "a quote does not end");
  else if (!word || !*word)
    add (t, "the program is missing");
  else if (!is_there (word))
    say_word (t, word);
  else if (t->error == ENOENT || t->error == ENOTDIR || t->error == EACCES)
    add (t, "the program is there, but its working directory cannot be entered");
  else
    say_error (t);
  free (word);
}

/* --- All -------------------------------------------------------------------------------------- */

/* The address cannot be taken apart, as PARSE_ERROR says.  A path that is too long for the kernel
   may be good for a redirection file, and something else is wrong.  */
static void
say_unparsed (struct trouble *t, int parse_error) {
  const char *name = name_of (t->address);

  if (parse_error != ENAMETOOLONG)
    say_form (t);
  else if (t->error == ENAMETOOLONG || !name || *name != '/')
    say_long (t);
  else if (t->act == EVA__IO_LISTEN)
    say_unbound (t, name);
  else
    say_unreached (t, name);
}

static void
say_endpoint (struct trouble *t, struct eva__io_endpoint *endpoint) {
  if (endpoint->kind == EVA__IO_ENDPOINT_UNIX
      && (t->error != EINVAL || skip (t->address, "unix:/")))
    say_unix (t, endpoint);
  else if (endpoint->kind == EVA__IO_ENDPOINT_INTERNET)
    say_port (t, endpoint);
  else if (endpoint->kind == EVA__IO_ENDPOINT_FD && t->error != EINVAL)
    say_fd (t);
  else if (endpoint->kind == EVA__IO_ENDPOINT_SYSTEMD && t->act == EVA__IO_LISTEN)
    say_activation (t, endpoint->name);
  else if (endpoint->kind == EVA__IO_ENDPOINT_SSH && t->act == EVA__IO_CONNECT)
    say_error (t);
  else
    say_form (t);
}

static void
say_why (struct trouble *t) {
  const char *command = skip (t->address, "exec:");
  struct eva__io_endpoint endpoint;

  if (t->error == EMFILE) {
    eva__io_sentence_add (
        &t->text, "this process has all of the %u descriptors that it may have (RLIMIT_NOFILE)",
        eva__io_sys_max_fds ());
  } else if (t->error == ENFILE || t->error == ENOMEM || t->error == ENOBUFS) {
    say_error (t);
  } else if (t->act == EVA__IO_CONNECT && command) {
    say_program (t, command);
  } else if (eva__io_endpoint_parse (t->address, &endpoint) < 0) {
    say_unparsed (t, errno);
  } else {
    say_endpoint (t, &endpoint);
  }
}

/* Begins the sentence of T.  */
static void
begin (struct trouble *t) {
  add (t, t->act == EVA__IO_LISTEN ? "cannot listen on " : "cannot connect to ");
  quote (t, t->address);
  if (t->program && !strcmp (t->address, "exec:")) quote (t, t->program);
  add (t, ": ");
}

char *
eva__io_explain (enum eva__io_act act, const char *address, const char *program, int error) {
  struct trouble t = { .act = act, .address = address, .program = program, .error = error };
  int saved = errno;

  begin (&t);
  say_why (&t);
  errno = saved;
  return eva__io_sentence_end (&t.text);
}

char *
eva__io_explain_as (enum eva__io_act act, const char *address, const char *why) {
  struct trouble t = { .act = act, .address = address };
  int saved = errno;

  begin (&t);
  add (&t, why);
  errno = saved;
  return eva__io_sentence_end (&t.text);
}
