/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* checks.h - the rules that `conform` tries on a server.  Each check has connections of its own,
   says nothing that changes the server, and tells one rule alone: a server that breaks one rule
   fails one check.  */

#ifndef ASSUANCTL_CHECKS_H
#define ASSUANCTL_CHECKS_H

#include "address.h"
#include "probe.h"

#include <stdint.h>

enum check_level { CHECK_MUST, CHECK_SHOULD, CHECK_INFO };
enum check_result { CHECK_OK, CHECK_FAIL, CHECK_WARN, CHECK_SKIP };

/* What a check needs.  */
#define CHECK_NEEDS_SOCKET  1u /* several clients at a time */
#define CHECK_NEEDS_UNIX    2u /* descriptors can be passed */
#define CHECK_NEEDS_COMMAND 4u /* of --command */

/* A line to send, and the reply that it must have: `O` OK, `E` ERR, `*` either; 0: none is
   awaited.  */
struct step {
  const char *line;
  char wants;
};

struct checking;

struct check {
  const char *id;
  enum check_level level;
  const char *rule; /* what must be, and why */
  enum check_result (*run) (struct checking *c);
  unsigned int needs;
  struct step steps[4]; /* of a check that is nothing but a dialogue, whose run is check_dialogue */
};

/* A check under way.  */
struct checking {
  const struct address *address;
  const char *command;     /* that inquires, or NULL */
  unsigned int timeout_ms; /* of the check */
  const struct check *check;
  uint64_t deadline_ns;
  struct record sent, got;
  char *reason; /* of all results but CHECK_OK; to be freed */
};

/* All checks; one without id is the last.  */
extern const struct check checks[];

/* Returns the check with the ID of LEN octets, or NULL.  */
const struct check *check_find (const char *id, size_t len);

const char *check_level_name (enum check_level level);

/* Runs CHECK.  A server that breaks what it only should keep gets CHECK_WARN.  */
enum check_result check_run (const struct check *check, struct checking *c);

#endif /* ASSUANCTL_CHECKS_H */
