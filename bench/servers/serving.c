/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* serving.c - common to the servers to measure.  See serving.h.  */

#include "serving.h"

#include "kit.h"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 4096

void
serving_init (void) {
  struct rlimit limit;

  need (!getrlimit (RLIMIT_NOFILE, &limit), "getrlimit");
  limit.rlim_cur = limit.rlim_max;
  setrlimit (RLIMIT_NOFILE, &limit);
  signal (SIGPIPE, SIG_IGN);
}

int
serving_listen (const char *path, int flags) {
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

  if (strlen (path) >= sizeof address.sun_path) die (path, "too long");
  strcpy (address.sun_path, path);
  need (!bind (fd, (struct sockaddr *) &address, sizeof address), path);
  need (!listen (fd, BACKLOG), "listen");
  return fd;
}

/* Fills BUF with octets that look random and are always the same (xorshift).  */
static void
scramble (uint64_t *buf, size_t n) {
  uint64_t x = 88172645463325252u;

  for (size_t i = 0; i < n; i++) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    buf[i] = x;
  }
}

static int
make_source (void) {
  int fd = memfd_create ("source", MFD_CLOEXEC);
  void *octets;

  need (fd >= 0 && !ftruncate (fd, (off_t) SOURCE_LEN), "memfd");
  octets = mmap (NULL, SOURCE_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  need (octets != MAP_FAILED, "mmap");
  scramble (octets, SOURCE_LEN / sizeof (uint64_t));
  munmap (octets, SOURCE_LEN);
  return fd;
}

int
serving_open_source (void) {
  static int memory_fd = -1;
  char path[32];
  int fd;

  if (memory_fd < 0) memory_fd = make_source ();
  /* Opened anew, it has a position of its own, as a file has that is opened for a client.  */
  snprintf (path, sizeof path, "/proc/self/fd/%d", memory_fd);
  fd = open (path, O_RDONLY | O_CLOEXEC);
  need (fd >= 0, "source");
  return fd;
}

const char *
serving_mix_data (void) {
  static char data[MIX_DATA_LEN];

  if (!data[0]) memset (data, 'x', sizeof data);
  return data;
}

void
serving_use_fresh_memory (void) {
  need (mallopt (M_MMAP_THRESHOLD, 128 << 10), "mallopt");
}

size_t
serving_heap_len (void) {
  struct mallinfo2 info = mallinfo2 ();

  return info.uordblks + info.hblkhd;
}
