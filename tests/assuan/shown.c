/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The helpers of shown.h.  */

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shown.h"

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
  return (void *) ((char *) ptr - offsetof (struct block, start));
}

void
shown_free (void *ptr) {
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
  shown_free (ptr);
  return copy;
}

struct assuan_malloc_hooks shown_memory = { take, retake, shown_free };

/* Nothing was written to freed memory.  */
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

struct shown shown;

void
shown_strike (assuan_context_t ctx, enum shown_way way) {
  if (shown.is_released) shown.n_late++;
  if (way != shown.way || !shown.left || --shown.left) return;
  assuan_release (ctx);
  shown.is_released = true;
}

static unsigned int
on_line (assuan_context_t ctx, void *hook, int inout, const char *line, size_t linelen) {
  (void) hook;
  (void) inout;
  (void) line;
  (void) linelen;
  shown_strike (ctx, MONITOR);
  return 0;
}

int
shown_on_log (assuan_context_t ctx, void *hook, unsigned int cat, const char *msg) {
  (void) hook;
  (void) cat;
  shown_strike (ctx, msg ? LOG_TOLD : LOG_ASKED);
  return 1;
}

/* --- The stage -------------------------------------------------------------------------------- */

void
stage_make (struct stage *s) {
  s->ctx = NULL;
  assert_err (assuan_new_ext (&s->ctx, SUITE_SOURCE, &shown_memory, shown_on_log, NULL), 0);
  assuan_set_io_monitor (s->ctx, on_line, NULL);
}

void
stage_listen (struct stage *s) {
  s->address = (struct sockaddr_un) { .sun_family = AF_UNIX };
  strcpy (s->address.sun_path, tmpdir_path ("S"));
  unlink (s->address.sun_path);
  s->listener = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal (bind (s->listener, (struct sockaddr *) &s->address, sizeof s->address), 0);
  assert_int_equal (listen (s->listener, 5), 0);
}

int
stage_dial (struct stage *s) {
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  assert_int_equal (connect (fd, (struct sockaddr *) &s->address, sizeof s->address), 0);
  return fd;
}

/* --- Scenes ----------------------------------------------------------------------------------- */

/* Releasing it once more does nothing.  */
void
call_release (struct stage *s) {
  assuan_release (s->ctx);
  shown.is_released = true;
  shown.n_late = 0;
}

void
call_send_data (struct stage *s) {
  char data[5000];

  memset (data, '%', sizeof data);
  assuan_send_data (s->ctx, data, sizeof data);
  if (!shown.is_released) assuan_send_data (s->ctx, "data", 4);
  if (!shown.is_released) assuan_send_data (s->ctx, NULL, 0);
}

/* The connection is closed, whichever side ended it.  */
static void
end (struct stage *s) {
  char octets[20000];

  if (!shown.is_released) assuan_release (s->ctx);
  if (s->peer != -1) peer_read_all (s->peer, octets, sizeof octets);
  for (int i = 0; i < 3; i++) {
    int fd = i == 0 ? s->peer : i == 1 ? s->newcomer : s->listener;
    if (fd != -1) close (fd);
  }
}

/* Plays SCENE, with a release at callback number AT.  Returns whether there are so many.  */
static bool
play (const struct scene *scene, enum shown_way way, unsigned int at) {
  struct stage s = { .peer = -1, .newcomer = -1, .listener = -1 };
  bool was_in_time;

  memset (&shown, 0, sizeof shown);
  freed = NULL; /* of one that failed */
  n_live = 0;
  scene->open (&s);
  shown.way = way;
  shown.left = at;
  scene->call (&s);
  was_in_time = !shown.left;
  shown.left = 0;
  end (&s);
  assert_int_equal (shown.n_late, 0);
  assert_int_equal (n_live, 0);
  forget_freed ();
  return was_in_time;
}

static void
play_all (void **state) {
  const struct scene *scene = *state;

  /* The reference library uses the context after that.  */
  if (on_oracle ()) skip ();
  for (unsigned int way = 0; way < N_SHOWN_WAYS; way++) {
    unsigned int at = 1;

    while (play (scene, (enum shown_way) way, at))
      at++;
    if (at == 1 && scene->ways >> way & 1) fail_msg ("nothing of it is shown this way");
  }
}

int
shown_run (const struct scene *scenes, size_t n_scenes) {
  struct CMUnitTest *tests = calloc (n_scenes, sizeof *tests);
  int rc;

  if (!tests) abort ();
  for (size_t i = 0; i < n_scenes; i++)
    tests[i] = (struct CMUnitTest) { scenes[i].name, play_all, suite_setup, suite_teardown,
                                     (void *) (uintptr_t) &scenes[i] };
  suite_init ();
  rc = _cmocka_run_group_tests ("shown", tests, n_scenes, NULL, NULL);
  free (tests);
  return rc;
}
