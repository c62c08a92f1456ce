/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-redirected.c - servers that listen at a redirection file, and clients that connect by one,
   whatever the file says.

     input = flags file

   All happens in a directory, which the variable D names; what leads out of it is not tried.  There
   are a socket at which a process listens (`${D}/live`), one at which none does (`${D}/stale`), a
   file, directories, and the directory of a server that has crashed (`${D}/run/evassuan-gone42`).
   A server listens only where a file of this user alone leads to, its clients find it by the file,
   and when it ends the directory is what it was.  A client reaches the socket that the file names,
   and no other.  No descriptor stays.  */

#include "eva.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "check.h"
#include "io/redirect.h"

#define IS_LONG    1u  /* the path of the file has no room in the address of a socket */
#define IS_LINK    2u  /* a symbolic link leads to the file */
#define IS_SHARED  4u  /* others may write the file */
#define TAKES_OVER 8u  /* EVA_LISTEN_TAKE_OVER */
#define CONNECTS   16u /* a client, not a server */

#define MAX_FILE 600
#define MAX_NAME 70000 /* longer than any result */
#define CRASHED  "run/evassuan-gone42"

static char top[40];
static char long_dir[160];
static int live = -1; /* listens at ${D}/live */
static eva_loop *loop;

/* --- The directory ---------------------------------------------------------------------------- */

/* Returns the path of NAME, valid until the next but one call.  */
static const char *
path_of (const char *name) {
  static char paths[2][300];
  static unsigned int n;
  char *path = paths[n++ % 2];

  snprintf (path, sizeof paths[0], "%s/%s", top, name);
  return path;
}

static int
remove_one (const char *path, const struct stat *st, int type, struct FTW *at) {
  (void) st;
  (void) type;
  (void) at;
  return remove (path);
}

static void
remove_all (void) {
  nftw (top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Makes a socket at the path of NAME, at which a process listens as long as it is open.  */
static int
listen_at (const char *name) {
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

  CHECK (fd >= 0);
  snprintf (addr.sun_path, sizeof addr.sun_path, "%s", path_of (name));
  unlink (addr.sun_path);
  CHECK (!bind (fd, (struct sockaddr *) &addr, sizeof addr) && !listen (fd, 5));
  return fd;
}

/* What a server may take, anew.  */
static void
make_takeable (void) {
  if (live >= 0) close (live);
  live = listen_at ("live");
  close (listen_at ("stale"));
  CHECK (!mkdir (path_of (CRASHED), 0700) || errno == EEXIST);
}

static void
make_top (void) {
  strcpy (top, "/tmp/eva-fuzz-XXXXXX");
  CHECK (mkdtemp (top));
  atexit (remove_all);
  setenv ("D", top, 1);
  setenv ("XDG_RUNTIME_DIR", path_of ("run"), 1);
  CHECK (!mkdir (path_of ("run"), 0700) && !mkdir (path_of ("dir"), 0700));
  snprintf (long_dir, sizeof long_dir, "%120d", 0);
  CHECK (!mkdir (path_of (long_dir), 0700));
  close (open (path_of ("file"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  loop = eva_loop_new ();
  CHECK (loop);
}

/* Makes the redirection file with the LEN octets at TEXT, or a link to it, and stores at PATH where
   that is.  */
static void
make_file (const uint8_t *text, size_t len, unsigned int flags, char path[300]) {
  int fd = open (path_of ("real"), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

  CHECK (fd >= 0 && write (fd, text, len) == (ssize_t) len);
  CHECK (!fchmod (fd, flags & IS_SHARED ? 0622 : 0600));
  close (fd);
  snprintf (path, 300, "%s/%s%shere", top, flags & IS_LONG ? long_dir : "",
            flags & IS_LONG ? "/" : "");
  if (flags & IS_LINK)
    CHECK (!symlink (path_of ("real"), path));
  else
    CHECK (!rename (path_of ("real"), path));
}

static void
expect_file (const char *path, const uint8_t *text, size_t len) {
  char found[MAX_FILE + 1];
  int fd = open (path, O_RDONLY | O_CLOEXEC);

  CHECK (fd >= 0 && read (fd, found, sizeof found) == (ssize_t) len && !memcmp (found, text, len));
  close (fd);
}

/* Returns how many entries the directories have, hidden ones too, but for those that a server may
   take.  */
static unsigned int
count_entries (void) {
  const char *const names[] = { "", "dir", "run", long_dir };
  static const char *const takeable[] = { "live", "stale", "evassuan-gone42" };
  unsigned int n = 0;

  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    DIR *dir = opendir (path_of (names[i]));
    struct dirent *entry;
    CHECK (dir);
    while ((entry = readdir (dir))) {
      bool is_takeable = false;
      for (size_t k = 0; k < sizeof takeable / sizeof *takeable; k++)
        is_takeable |= !strcmp (entry->d_name, takeable[k]);
      if (!is_takeable) n++;
    }
    closedir (dir);
  }
  return n;
}

/* --- Names ------------------------------------------------------------------------------------ */

/* Stores the name in the file at NAME.  Returns as eva__io_redirect_parse.  */
static int
parse (const uint8_t *text, size_t len, char *name) {
  char *copy = malloc (len ? len : 1);
  int rc;

  CHECK (copy);
  memcpy (copy, text, len);
  rc = eva__io_redirect_parse (copy, len, getenv, name, MAX_NAME);
  free (copy);
  return rc;
}

/* Returns true if NAME, which may be anything, cannot lead out of the directory.  */
static bool
is_inside (const char *name) {
  size_t len = strlen (top);

  return !strncmp (name, top, len) && name[len] == '/' && !strstr (name, "..");
}

/* --- Clients ---------------------------------------------------------------------------------- */

struct ends {
  bool is_ready, is_closed;
};

static void
on_ready (assuan_context_t ctx, void *arg) {
  (void) ctx;
  ((struct ends *) arg)->is_ready = true;
}

static void
on_closed (assuan_context_t ctx, void *arg, gpg_error_t err) {
  (void) ctx;
  CHECK (err);
  ((struct ends *) arg)->is_closed = true;
}

/* Lets a client connect at PATH.  It has N_TURNS, or until it is served or fails.  */
static struct ends
connect_at (const char *path, int n_turns) {
  struct ends ends = { false, false };
  struct eva_connect_config config = {
    .flags = EVA_CONNECT_LATE_ERRORS, .ready = on_ready, .closed = on_closed, .arg = &ends
  };
  char address[320];
  assuan_context_t ctx;

  snprintf (address, sizeof address, "unix:%s", path);
  CHECK (!eva_connect (loop, address, &config, &ctx));
  for (int i = 0; i < n_turns && !ends.is_ready && !ends.is_closed; i++)
    CHECK (!eva_loop_dispatch (loop, 0));
  CHECK (!ends.is_closed || eva_get_reason (ctx));
  assuan_release (ctx);
  return ends;
}

/* The one that listens is reached if NAME, of a redirection, is its file.  */
static void
try_client (const char *path, const char *name) {
  struct stat st, there;
  bool is_it = name && strlen (name) < sizeof ((struct sockaddr_un *) 0)->sun_path
               && !stat (name, &st) && !stat (path_of ("live"), &there) && st.st_ino == there.st_ino
               && st.st_dev == there.st_dev;
  struct ends ends = connect_at (path, 5);
  int fd = accept (live, NULL, NULL);

  CHECK ((fd >= 0) == is_it && ends.is_closed == !is_it && !ends.is_ready);
  if (fd >= 0) close (fd);
}

/* --- Servers ---------------------------------------------------------------------------------- */

static const struct eva_service service;

/* A server at PATH, which serves clients if it LISTENS.  */
static bool
try_server (const char *path, unsigned int flags) {
  eva_server *server;
  char address[320];
  gpg_error_t err;

  CHECK (!eva_server_new (loop, &service, NULL, &server));
  snprintf (address, sizeof address, "unix:%s", path);
  err = eva_server_listen (server, address, flags & TAKES_OVER ? EVA_LISTEN_TAKE_OVER : 0);
  CHECK (!err == !eva_loop_get_failure (loop));
  if (!err) {
    const char *where = eva_server_get_address (server, 0);
    CHECK (!strncmp (where, "unix:", 5) && is_inside (where + 5));
    CHECK (connect_at (path, 1000).is_ready);
  }
  eva_server_free (server);
  return !err;
}

/* NAME: what the file names, or NULL.  */
static void
try_file (const uint8_t *text, size_t len, unsigned int flags, const char *name) {
  bool is_trusted = name && *name == '/' && !(flags & (IS_LINK | IS_SHARED)), listens;
  unsigned int n_entries;
  struct stat st;
  char path[300];

  make_file (text, len, flags, path);
  n_entries = count_entries ();
  if (flags & CONNECTS) {
    try_client (path, name);
  } else {
    listens = try_server (path, flags);
    CHECK (!listens || is_trusted);
    if (listens && flags & IS_LONG && lstat (path, &st)) n_entries--; /* it was the server's */
  }
  CHECK (count_entries () == n_entries);
  if (!lstat (path, &st)) expect_file (path, text, len);
  CHECK (!unlink (path) || flags & IS_LONG);
  unlink (path_of ("real"));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t len) {
  static char name[MAX_NAME];
  int rc, fd;

  if (!len || len > MAX_FILE) return 0;
  if (!*top) {
    make_top ();
    connect_at (path_of ("none"), 5); /* from here on the loop has its descriptors */
  }
  make_takeable ();
  rc = parse (data + 1, len - 1, name);
  if (rc > 0 && !is_inside (name) && (*name == '/' || *data & CONNECTS)) return 0;
  fd = dup (0);
  close (fd);
  try_file (data + 1, len - 1, *data, rc > 0 ? name : NULL);
  CHECK (dup (0) == fd);
  close (fd);
  return 0;
}
