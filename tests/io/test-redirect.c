/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-redirect.c - redirection files: what is one, what it names, and what is refused.  */

#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/redirect.h"

static char long_value[200];

static char *
lookup (const char *name) {
  static char a[] = "/tmp/a", empty[] = "", recursive[] = "${A}";

  if (!strcmp (name, "A")) return a;
  if (!strcmp (name, "EMPTY")) return empty;
  if (!strcmp (name, "LONG")) return long_value;
  if (!strcmp (name, "RECURSIVE")) return recursive;
  return NULL;
}

/* --- The format ------------------------------------------------------------------------------- */

struct file {
  const char *text;
  size_t len;
  int result;       /* 1, 0, or minus the errno */
  const char *name; /* if 1 */
};

#define FILE_OF(text, result, name) { text, sizeof (text) - 1, result, name }
#define HEAD                        "%Assuan%\nsocket="

static const struct file files[] = {
  FILE_OF (HEAD "/tmp/S\n", 1, "/tmp/S"),
  FILE_OF (HEAD "relative\n", 1, "relative"),
  FILE_OF (HEAD "@at\n", 1, "@at"),
  FILE_OF (HEAD " /tmp/ S \n", 1, " /tmp/ S "),
  FILE_OF (HEAD "/tmp/S\r\n", 1, "/tmp/S\r"),
  FILE_OF (HEAD "x\n", 1, "x"),
  /* Variables.  */
  FILE_OF (HEAD "${A}/S\n", 1, "/tmp/a/S"),
  FILE_OF (HEAD "${A}${A}\n", 1, "/tmp/a/tmp/a"),
  FILE_OF (HEAD "${UNSET}/S\n", 1, "/S"),
  FILE_OF (HEAD "${EMPTY}/S${EMPTY}\n", 1, "/S"),
  FILE_OF (HEAD "a${}b\n", 1, "ab"),
  FILE_OF (HEAD "${RECURSIVE}\n", 1, "${A}"),
  FILE_OF (HEAD "$A/$/$\n", 1, "$A/$/$"),
  FILE_OF (HEAD "$${A}}\n", 1, "$/tmp/a}"),
  FILE_OF (HEAD "\\${A}\n", 1, "\\/tmp/a"),
  /* Bad ones.  */
  FILE_OF (HEAD "${A\n", -EINVAL, NULL),
  FILE_OF (HEAD "/S${\n", -EINVAL, NULL),
  FILE_OF (HEAD "${UNSET}\n", -EINVAL, NULL),
  FILE_OF (HEAD "${EMPTY}\n", -EINVAL, NULL),
  FILE_OF (HEAD "/tmp/\0S\n", -EINVAL, NULL),
  FILE_OF (HEAD "${LONG}\n", -ENAMETOOLONG, NULL),
  /* Something else.  */
  FILE_OF ("", 0, NULL),
  FILE_OF ("%Assuan%", 0, NULL),
  FILE_OF ("%Assuan%\n", 0, NULL),
  FILE_OF (HEAD, 0, NULL),
  FILE_OF (HEAD "\n", 0, NULL),
  FILE_OF (HEAD "/tmp/S", 0, NULL),
  FILE_OF (HEAD "/tmp/S\n\n", 0, NULL),
  FILE_OF (HEAD "/tmp/S\nsocket=/tmp/T\n", 0, NULL),
  FILE_OF (HEAD "/tmp/S\n#\n", 0, NULL),
  FILE_OF ("%Assuan%\r\nsocket=/tmp/S\r\n", 0, NULL),
  FILE_OF ("%assuan%\nsocket=/tmp/S\n", 0, NULL),
  FILE_OF ("%Assuan%\nSocket=/tmp/S\n", 0, NULL),
  FILE_OF ("%Assuan%\n socket=/tmp/S\n", 0, NULL),
  FILE_OF ("%Assuan% \nsocket=/tmp/S\n", 0, NULL),
  FILE_OF ("%Assuan%\n\nsocket=/tmp/S\n", 0, NULL),
  FILE_OF ("\n%Assuan%\nsocket=/tmp/S\n", 0, NULL),
  FILE_OF ("%Assuan%\nsocket=/tmp/S ", 0, NULL),
};

/* In memory of just that size, so that a sanitizer sees any octet too far.  */
static int
parse (const char *text, size_t len, char *name, size_t size) {
  char *copy = malloc (len ? len : 1);
  int rc;

  assert_non_null (copy);
  memcpy (copy, text, len);
  errno = 0;
  rc = eva__io_redirect_parse (copy, len, lookup, name, size);
  free (copy);
  return rc < 0 ? -errno : rc;
}

static void
test_format (void **state) {
  char name[108];

  (void) state;
  memset (long_value, 'v', sizeof long_value - 1);
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    assert_int_equal (parse (files[i].text, files[i].len, name, sizeof name), files[i].result);
    if (files[i].result == 1) assert_string_equal (name, files[i].name);
  }
}

/* Every beginning of a good file is no redirection, and none of them is read beyond its end.  */
static void
test_truncated (void **state) {
  static const char text[] = HEAD "${A}/S\n";
  char name[108];

  (void) state;
  for (size_t len = 0; len < sizeof text - 1; len++)
    assert_int_equal (parse (text, len, name, sizeof name), 0);
}

static void
test_lengths (void **state) {
  char text[600], *name;

  (void) state;
  /* The room for the name, from the literal and from variables.  */
  for (size_t size = 1; size < 12; size++) {
    name = malloc (size);
    assert_non_null (name);
    assert_int_equal (parse (HEAD "${A}cd\n", sizeof HEAD "${A}cd", name, size),
                      size > 8 ? 1 : -ENAMETOOLONG);
    free (name);
  }
  /* The length of the file.  */
  for (size_t len = 505; len < 520; len++) {
    char small[108];
    memcpy (text, HEAD "/S${", strlen (HEAD "/S${"));
    memset (text + strlen (HEAD "/S${"), 'V', sizeof text - strlen (HEAD "/S${"));
    text[len - 2] = '}';
    text[len - 1] = '\n';
    assert_int_equal (parse (text, len, small, sizeof small), len <= EVA__IO_REDIRECT_MAX);
  }
}

/* --- Addresses -------------------------------------------------------------------------------- */

static int
address (const char *fname, struct sockaddr_un *addr, int *redirected) {
  socklen_t len = 0;
  int rc;

  memset (addr, 0x55, sizeof *addr);
  errno = 0;
  rc = eva__io_redirect_address (fname, false, addr, &len, redirected);
  if (rc < 0) return -errno;
  assert_int_equal (addr->sun_family, AF_UNIX);
  assert_int_equal (len, offsetof (struct sockaddr_un, sun_path) + strlen (addr->sun_path) + 1);
  /* No octet of the caller's memory goes out.  */
  for (size_t i = strlen (addr->sun_path); i < sizeof addr->sun_path; i++)
    assert_int_equal (addr->sun_path[i], 0);
  return 0;
}

static void
test_plain_names (void **state) {
  const char *names[] = { "", "@at", "relative", "/nonexistent/S", "/dev/null", "/tmp" };
  struct sockaddr_un addr;
  int redirected;

  (void) state;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    redirected = 77;
    assert_int_equal (address (names[i], &addr, &redirected), 0);
    assert_int_equal (redirected, 0);
    assert_string_equal (addr.sun_path, names[i]);
  }
}

/* 107 octets and a NUL fill the field.  */
static void
test_long_names (void **state) {
  struct sockaddr_un addr;
  char name[120];
  int redirected;

  (void) state;
  for (size_t len = 100; len < 115; len++) {
    memset (name, '/', len);
    name[len] = 0;
    redirected = 77;
    assert_int_equal (address (name, &addr, &redirected), len <= 107 ? 0 : -ENAMETOOLONG);
    assert_int_equal (redirected, 0);
    assert_int_equal (address (name, &addr, NULL), len <= 107 ? 0 : -ENAMETOOLONG);
  }
}

static void
test_abstract (void **state) {
  struct sockaddr_un addr;
  socklen_t len;

  (void) state;
  assert_int_equal (eva__io_redirect_address ("@eva", true, &addr, &len, NULL), 0);
  assert_int_equal (len, offsetof (struct sockaddr_un, sun_path) + 4);
  assert_memory_equal (addr.sun_path, "\0eva", 5);
}

static void
test_redirected (void **state) {
  const char good[] = HEAD "${EVA_TEST_DIR}/S\n", bad[] = HEAD "${EVA\n";
  const char *path = fixture_file ("R", good, sizeof good - 1);
  struct sockaddr_un addr;
  int redirected = 77;

  (void) state;
  setenv ("EVA_TEST_DIR", "/somewhere", 1);
  assert_int_equal (address (path, &addr, &redirected), 0);
  assert_int_equal (redirected, 1);
  assert_string_equal (addr.sun_path, "/somewhere/S");
  /* A caller that does not ask gets the file's own name.  */
  assert_int_equal (address (path, &addr, NULL), 0);
  assert_string_equal (addr.sun_path, path);
  fixture_file ("R", bad, sizeof bad - 1);
  redirected = 77;
  assert_int_equal (address (path, &addr, &redirected), -EINVAL);
  assert_int_equal (redirected, 1);
  fixture_file ("R", "just a file\n", 12);
  assert_int_equal (address (path, &addr, &redirected), 0);
  assert_int_equal (redirected, 0);
  assert_string_equal (addr.sun_path, path);
  unsetenv ("EVA_TEST_DIR");
}

/* Through a symbolic link yes, through a second file no: a ring of them would never end.  */
static void
test_chains (void **state) {
  const char *first = tmpdir_path ("R1"), *second = tmpdir_path ("R2");
  const char *link = tmpdir_path ("L");
  struct sockaddr_un addr;
  char text[400];
  int redirected;

  (void) state;
  snprintf (text, sizeof text, "%s%s\n", HEAD, second);
  fixture_file ("R1", text, strlen (text));
  snprintf (text, sizeof text, "%s%s\n", HEAD, first);
  fixture_file ("R2", text, strlen (text));
  assert_int_equal (symlink (first, link), 0);
  assert_int_equal (address (first, &addr, &redirected), 0);
  assert_string_equal (addr.sun_path, second);
  assert_int_equal (address (link, &addr, &redirected), 0);
  assert_int_equal (redirected, 1);
  assert_string_equal (addr.sun_path, second);
}

/* A file whose own path is too long for a socket can still redirect.  */
static void
test_long_path_of_file (void **state) {
  char name[150];
  const char text[] = HEAD "/S\n", *path;
  struct sockaddr_un addr;
  int redirected;

  (void) state;
  memset (name, 'n', sizeof name - 1);
  name[sizeof name - 1] = 0;
  path = fixture_file (name, text, sizeof text - 1);
  assert_int_equal (address (path, &addr, &redirected), 0);
  assert_int_equal (redirected, 1);
  assert_string_equal (addr.sun_path, "/S");
}

/* Not a regular file: it is not opened at all, so that a FIFO without writer does not hold us.  */
static void
test_special_files (void **state) {
  const char *fifo = tmpdir_path ("F");
  struct sockaddr_un addr;
  int redirected = 77;

  (void) state;
  assert_int_equal (mkfifo (fifo, 0600), 0);
  assert_int_equal (address (fifo, &addr, &redirected), 0);
  assert_int_equal (redirected, 0);
}

static void
test_big_file (void **state) {
  static char text[10000] = HEAD;
  const char *path;
  struct sockaddr_un addr;
  int redirected = 77;

  (void) state;
  memset (text + strlen (HEAD), 'x', sizeof text - strlen (HEAD));
  text[511] = '\n';
  path = fixture_file ("R", text, sizeof text);
  assert_int_equal (address (path, &addr, &redirected), 0);
  assert_int_equal (redirected, 0);
  fixture_file ("R", text, 512);
  assert_int_equal (address (path, &addr, &redirected), 0);
  assert_int_equal (redirected, 0);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    fixture_test (test_format),
    fixture_test (test_truncated),
    fixture_test (test_lengths),
    fixture_test (test_plain_names),
    fixture_test (test_long_names),
    fixture_test (test_abstract),
    fixture_test (test_redirected),
    fixture_test (test_chains),
    fixture_test (test_long_path_of_file),
    fixture_test (test_special_files),
    fixture_test (test_big_file),
  };

  return cmocka_run_group_tests_name ("redirect", tests, NULL, NULL);
}
