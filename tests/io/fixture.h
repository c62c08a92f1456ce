/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fixture.h - what the tests of src/io share: every test leaves the descriptors, children, signals
   and files as it found them.  */

#ifndef EVA_TESTS_IO_FIXTURE_H
#define EVA_TESTS_IO_FIXTURE_H

#include "assertions.h"
#include "children.h"
#include "fds.h"
#include "io/sys.h"
#include <stdlib.h>
#include "tmpdir.h"

/* cmocka's own skip () reports "not ok - SKIP", which meson takes for a failure: say it in a
   comment line and leave the test, which holds nothing.  */
#undef skip
#define skip()                                                                                     \
  do {                                                                                             \
    print_message ("# skipped: %s\n", __func__);                                                   \
    return;                                                                                        \
  } while (0)

/* For what qemu does in another way than the kernel, whose part it plays: WHAT.  */
#define skip_if_emulated(what)                                                                     \
  do {                                                                                             \
    if (getenv ("EVA_TEST_EMULATED")) skip ();                                                     \
  } while (0)

/* A test between fixture_setup and fixture_teardown, which compare the open descriptors, SIGPIPE
   and the children, and remove the directory of tmpdir_path.  */
#define fixture_test(name) cmocka_unit_test_setup_teardown (name, fixture_setup, fixture_teardown)
int fixture_setup (void **state);
int fixture_teardown (void **state);

/* The initializer of an iovec for the octets of a literal.  */
#define PIECE(text) { (char *) (uintptr_t) (text), sizeof (text) - 1 }

/* Returns true if descriptor FD is close-on-exec.  */
bool is_cloexec (int fd);

/* Returns true if SIGPIPE is pending for this thread.  */
bool is_sigpipe_pending (void);

void set_nonblocking (int fd);

/* Reads or writes all of LEN octets; the test fails if that does not work.  read_rest reads up to
   the end of file into BUF of SIZE octets, makes a string of it and returns its length.  */
void read_all (int fd, void *buf, size_t len);
void write_all (int fd, const void *buf, size_t len);
size_t read_rest (int fd, char *buf, size_t size);

/* Writes LEN octets of TEXT to the file NAME in the test's directory and returns its path.  */
const char *fixture_file (const char *name, const char *text, size_t len);

#endif /* EVA_TESTS_IO_FIXTURE_H */
