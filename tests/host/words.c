/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* words.c - limits in words.  See words.h.  */

#include "words.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct member {
  const char *name;
  size_t offset;
  bool is_len; /* a size_t; else an unsigned int */
};

#define LEN(type, name)    { #name, offsetof (struct type, name), true }
#define NUMBER(type, name) { #name, offsetof (struct type, name), false }

static const struct member connection_members[] = {
  LEN (eva_limits, high_water_len),        LEN (eva_limits, max_queued_len),
  LEN (eva_limits, max_inquiry_len),       NUMBER (eva_limits, max_pending_fds),
  NUMBER (eva_limits, line_timeout_ms),    NUMBER (eva_limits, idle_timeout_ms),
  NUMBER (eva_limits, command_timeout_ms), NUMBER (eva_limits, inquiry_timeout_ms),
  NUMBER (eva_limits, close_timeout_ms),   { NULL, 0, false },
};

static const struct member server_members[] = {
  NUMBER (eva_server_limits, max_connections),
  NUMBER (eva_server_limits, max_connections_per_uid),
  NUMBER (eva_server_limits, max_passed_fds),
  NUMBER (eva_server_limits, max_passed_fds_per_uid),
  LEN (eva_server_limits, max_held_len),
  LEN (eva_server_limits, max_held_per_uid_len),
  { NULL, 0, false },
};

/* Puts what TEXT says into that one of MEMBERS, which are those of the struct at BASE.  */
static bool
set (void *base, const struct member *members, const char *text) {
  size_t name_len = strcspn (text, "=");
  const char *number = text + name_len + 1;
  char *end;

  for (; members->name; members++) {
    void *place = (char *) base + members->offset;
    unsigned long value;
    if (strlen (members->name) != name_len || memcmp (members->name, text, name_len)) continue;
    if (!text[name_len] || !isdigit ((unsigned char) *number)) return false;
    errno = 0;
    value = strtoul (number, &end, 10);
    if (*end || errno || (!members->is_len && value > UINT_MAX)) return false;
    if (members->is_len)
      *(size_t *) place = value;
    else
      *(unsigned int *) place = (unsigned int) value;
    return true;
  }
  return false;
}

bool
limits_set (struct eva_limits *limits, const char *text) {
  return set (limits, connection_members, text);
}

bool
limits_set_of_server (struct eva_server_limits *limits, const char *text) {
  return set (limits, server_members, text) || limits_set (&limits->connection, text);
}
