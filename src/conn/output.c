/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* output.c - lending the lines that were said, with the descriptors that belong to them.  */

#include "conn/conn.h"

/* The descriptor's octet is the first one behind what is queued, so an open data line has to end
   here.  */
int
eva_conn_send_fd (eva_conn *c, int fd) {
  eva__conn_queue_close_line (&c->out);
  return eva__conn_fds_push (&c->out_fds, &c->owner, c->out.len, fd);
}

size_t
eva_conn_output_fds (const eva_conn *c, int *fds, size_t n) {
  uint64_t here = eva__conn_fds_here (&c->out_fds);
  size_t used = 0;

  while (used < n && used < eva__conn_fds_count (&c->out_fds)
         && c->out_fds.list->items[used].at <= here) {
    fds[used] = c->out_fds.list->items[used].fd;
    used++;
  }
  return used;
}

/* Returns how many octets may leave in one message.  It carries its descriptors with its first
   octet, so it ends where the next descriptors belong, or they would arrive before their line.  */
static __attribute__ ((noinline)) uint64_t
find_limit (const eva_conn *c) {
  uint64_t here = eva__conn_fds_here (&c->out_fds);

  for (size_t i = 0; i < eva__conn_fds_count (&c->out_fds); i++)
    if (c->out_fds.list->items[i].at > here) return c->out_fds.list->items[i].at - here;
  return UINT64_MAX;
}

size_t
eva_conn_output (eva_conn *c, struct iovec *iov, size_t n) {
  uint64_t limit = c->out_fds.list ? find_limit (c) : UINT64_MAX;

  return eva__conn_queue_lend (&c->out, limit, iov, n);
}

/* Forgets the descriptors that left with the next LEN octets.  */
static __attribute__ ((noinline)) void
pass_fds (eva_conn *c, size_t len) {
  int fd;

  eva__conn_fds_pass (&c->out_fds, len);
  while (eva__conn_fds_take (&c->out_fds, &c->owner, eva__conn_fds_here (&c->out_fds), &fd))
    ;
}

void
eva_conn_sent (eva_conn *c, size_t n) {
  size_t sent_len = eva__conn_queue_retire (&c->out, &c->owner, n);

  if (c->out_fds.list) pass_fds (c, sent_len);
}

int
eva_conn_take_output_fd (eva_conn *c, int *ret_fd) {
  return eva__conn_fds_take (&c->out_fds, &c->owner, UINT64_MAX, ret_fd);
}

size_t
eva_conn_output_len (const eva_conn *c) {
  return eva__conn_output_len (c);
}

int
eva_conn_inspect (eva_conn *c, const char **ret_line, size_t *ret_len) {
  return eva__conn_queue_show (&c->out, ret_line, ret_len);
}

void
eva_conn_discard (eva_conn *c) {
  size_t behind = 0, len = eva__conn_queue_discard (&c->out, &c->owner, &behind);
  uint64_t at = eva__conn_fds_here (&c->out_fds) + behind;

  /* Descriptors behind the line move with their octets; one that belongs to the line itself leaves
     with the next line.  */
  for (size_t i = 0; i < eva__conn_fds_count (&c->out_fds); i++)
    if (c->out_fds.list->items[i].at >= at) c->out_fds.list->items[i].at -= len;
}
