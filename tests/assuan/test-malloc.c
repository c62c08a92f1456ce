/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory: whose functions are called, that everything comes back, that failures are survived, and
 * that nothing secret is left in what is given back.  */

#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "suite.h"

#define SECRET "correct horse battery staple"

static int n_mallocs, n_frees, n_live, fail_at, n_secrets;

/* What ASK allows, and the size of the block that its answer came in.  */
static size_t max_answer_len, block_len;

/* The block has just been given back: is the secret in it?  */
static void
look_for_secret (void *ptr) {
  if (ptr && memmem (ptr, malloc_usable_size (ptr), SECRET, strlen (SECRET))) n_secrets++;
}

static void *
my_malloc (size_t size) {
  if (fail_at && !--fail_at) {
    errno = ENOMEM;
    return NULL;
  }
  n_mallocs++;
  n_live++;
  return calloc (1, size ? size : 1);
}

static void
my_free (void *ptr) {
  if (!ptr) return;
  n_frees++;
  n_live--;
  look_for_secret (ptr);
  free (ptr);
}

/* Always moves, so that the outgrown block is seen.  */
static void *
my_realloc (void *ptr, size_t size) {
  void *moved = my_malloc (size);
  size_t old = ptr ? malloc_usable_size (ptr) : 0;

  if (!moved) return NULL;
  if (ptr) memcpy (moved, ptr, old < size ? old : size);
  my_free (ptr);
  return moved;
}

static struct assuan_malloc_hooks hooks = { my_malloc, my_realloc, my_free };

static void
reset_counts (void) {
  n_mallocs = n_frees = n_live = fail_at = n_secrets = 0;
  max_answer_len = block_len = 0;
}

static void
default_hooks_are_the_c_library_s (void **state) {
  assuan_malloc_hooks_t found = assuan_get_malloc_hooks ();

  (void) state;
  assert_non_null (found);
  assert_true (found->malloc == malloc);
  assert_true (found->realloc == realloc);
  assert_true (found->free == free);
}

static gpg_error_t
cmd_ask (assuan_context_t ctx, char *line) {
  unsigned char *buf = NULL;
  size_t len;
  gpg_error_t err = assuan_inquire (ctx, "PASSPHRASE", &buf, &len, max_answer_len);
  int before = n_frees;

  (void) line;
  if (err) return err;
  block_len = malloc_usable_size (buf);
  /* The caller gives the result back by the context's function, as pinentry's users do.  */
  memset (buf, 0, len);
  assuan_free (ctx, buf);
  return n_frees == before + 1 ? 0 : ERR (GPG_ERR_BUG);
}

static gpg_error_t
cmd_login (assuan_context_t ctx, char *line) {
  (void) ctx;
  return *line ? 0 : ERR (GPG_ERR_NO_PASSPHRASE);
}

static gpg_error_t
cmd_tell (assuan_context_t ctx, char *line) {
  (void) line;
  assuan_begin_confidential (ctx);
  return assuan_send_data (ctx, SECRET, strlen (SECRET));
}

/* A server on FD with the counting hooks; 0 or an error.  FD is taken or closed.  */
static gpg_error_t
make_server (assuan_context_t *ret_ctx, int fd) {
  gpg_error_t err = assuan_new_ext (ret_ctx, SUITE_SOURCE, &hooks, NULL, NULL);

  if (!err) err = assuan_init_socket_server (*ret_ctx, fd, ASSUAN_SOCKET_SERVER_ACCEPTED);
  if (err) {
    close (fd);
    return err;
  }
  err = assuan_set_hello_line (*ret_ctx, "hello");
  if (!err) err = assuan_register_command (*ret_ctx, "ASK", cmd_ask, NULL);
  if (!err) err = assuan_register_command (*ret_ctx, "LOGIN", cmd_login, NULL);
  if (!err) err = assuan_register_command (*ret_ctx, "TELL", cmd_tell, NULL);
  if (!err) err = assuan_accept (*ret_ctx);
  return err;
}

/* What the peer says in one go: a long inquiry in several lines, the secret in it and around.  */
static void
say_secrets (int fd) {
  char filler[903];

  memset (filler, 'f', sizeof filler);
  memcpy (filler, "D ", 2);
  filler[sizeof filler - 1] = '\n';
  peer_say (fd, "ASK\nD " SECRET "\n");
  for (int i = 0; i < 8; i++)
    peer_send (fd, filler, sizeof filler);
  peer_say (fd, "END\nTELL\nLOGIN " SECRET "\n");
  shutdown (fd, SHUT_WR);
}

/* A server that hears secrets, answers, and is released.  */
static void
serve_secrets (void) {
  assuan_context_t ctx = NULL;
  int fds[2];

  reset_counts ();
  fds_socketpair (fds, 0);
  assert_err (make_server (&ctx, fds[1]), 0);
  assert_true (n_mallocs > 0);
  say_secrets (fds[0]);
  assert_err (assuan_process (ctx), 0);
  peer_expect (fds[0], with_pid ("OK hello%P\nINQUIRE PASSPHRASE\nOK\nD " SECRET "\nOK\nOK\n"));
  assuan_release (ctx);
  close (fds[0]);
}

static void
all_memory_comes_back (void **state) {
  (void) state;
  serve_secrets ();
  assert_int_equal (n_live, 0);
}

static void
no_secret_is_given_back (void **state) {
  (void) state;
  serve_secrets ();
  /* deviation: secrets left in line buffers and outgrown memory */
  if (on_oracle ())
    assert_true (n_secrets > 0);
  else
    assert_int_equal (n_secrets, 0);
}

/* An inquiry that ends badly leaves nothing behind either.  */
static void
no_secret_after_a_cancelled_inquiry (void **state) {
  assuan_context_t ctx = NULL;
  int fds[2];

  (void) state;
  reset_counts ();
  fds_socketpair (fds, 0);
  assert_err (make_server (&ctx, fds[1]), 0);
  peer_say (fds[0], "ASK\nD " SECRET "\nCAN\nASK\nD " SECRET "\nNOP\nASK\nD " SECRET);
  close (fds[0]);
  assuan_process (ctx);
  assuan_release (ctx);
  assert_int_equal (n_live, 0);
  /* deviation: secrets left in line buffers and outgrown memory */
  if (!on_oracle ()) assert_int_equal (n_secrets, 0);
}

/* Let the first, second, ... allocation fail: errors, but no crash and no leak.  */
static void
every_allocation_may_fail (void **state) {
  bool failed = true;

  (void) state;
  if (on_oracle ()) skip ();
  for (int i = 1; failed && i < 1000; i++) {
    assuan_context_t ctx = NULL;
    int fds[2];

    reset_counts ();
    fds_socketpair (fds, 0);
    fail_at = i;
    if (!make_server (&ctx, fds[1])) {
      say_secrets (fds[0]);
      assuan_process (ctx);
    }
    failed = fail_at == 0;
    fail_at = 0;
    assuan_release (ctx);
    close (fds[0]);
    close (fds[1]); /* still open if the context never came to open the connection */
    assert_int_equal (n_live, 0);
    assert_int_equal (n_secrets, 0);
  }
  assert_false (failed);
}

/* A server that allows MAXLEN octets hears N_LINES of 900 octets of data.  Returns how many
   allocations that took.  */
static int
serve_answer (size_t maxlen, size_t n_lines) {
  static char lines[16][903];
  assuan_context_t ctx = NULL;
  int fds[2];

  assert_true (n_lines <= 16);
  reset_counts ();
  max_answer_len = maxlen;
  for (size_t i = 0; i < n_lines; i++) {
    memset (lines[i], 'f', sizeof lines[i]);
    memcpy (lines[i], "D ", 2);
    lines[i][sizeof lines[i] - 1] = '\n';
  }
  fds_socketpair (fds, 0);
  assert_err (make_server (&ctx, fds[1]), 0);
  peer_say (fds[0], "ASK\n");
  peer_send (fds[0], lines, n_lines * sizeof lines[0]);
  peer_say (fds[0], "END\n");
  shutdown (fds[0], SHUT_WR);
  assert_err (assuan_process (ctx), 0);
  peer_expect (fds[0], with_pid ("OK hello%P\nINQUIRE PASSPHRASE\nOK\n"));
  assuan_release (ctx);
  close (fds[0]);
  return n_mallocs;
}

/* A limit that no answer reaches costs what no limit does.  */
static void
a_vast_limit_costs_nothing (void **state) {
  int n;

  (void) state;
  if (on_oracle ()) skip ();
  n = serve_answer (0, 16);
  for (size_t less = 0; less < 2000; less += 100)
    assert_int_equal (serve_answer (SIZE_MAX - less, 16), n);
}

/* The memory of a program may be scarce: an answer takes no more of it than the program allows, and
   the NUL behind.  */
static void
an_answer_takes_what_it_may_have (void **state) {
  (void) state;
  if (on_oracle ()) skip ();
  serve_answer (3000, 3);
  assert_in_range (block_len, 2701, 3001 + 64 /* malloc rounds up */);
}

static void
default_hooks_can_be_replaced (void **state) {
  struct assuan_malloc_hooks before = *assuan_get_malloc_hooks ();
  struct assuan_malloc_hooks back = before;
  assuan_context_t ctx;

  (void) state;
  reset_counts ();
  assuan_set_malloc_hooks (&hooks);
  assert_true (assuan_get_malloc_hooks ()->malloc == my_malloc);
  ctx = new_context ();
  assert_true (n_mallocs > 0);
  /* A context keeps the functions that it was made with.  */
  assuan_set_malloc_hooks (&back);
  assuan_release (ctx);
  assert_int_equal (n_live, 0);
  n_mallocs = 0;
  assuan_release (new_context ());
  assert_int_equal (n_mallocs, 0);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    suite_test (default_hooks_are_the_c_library_s),
    suite_test (all_memory_comes_back),
    suite_test (no_secret_is_given_back),
    suite_test (no_secret_after_a_cancelled_inquiry),
    suite_test (every_allocation_may_fail),
    suite_test (a_vast_limit_costs_nothing),
    suite_test (an_answer_takes_what_it_may_have),
    suite_test (default_hooks_can_be_replaced),
  };

  return suite_run (tests);
}
