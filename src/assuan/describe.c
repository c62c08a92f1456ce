/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* describe.c - what HELP says of a command that a service describes.

   The synopsis has the form of GnuPG's help texts, which people know and tools read:

       PUT [--ttl=<seconds>] [--force] <key> [<text>]  */

#include "assuan/describe.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The most octets of a form that others are set in line with.  */
#define MAX_WIDTH 24

bool
eva__describe_is_option (const struct eva_parameter *parameter) {
  return !strncmp (parameter->name, "--", 2);
}

/* Returns what the value of an option is called.  */
static const char *
value_name (const struct eva_parameter *parameter) {
  if (parameter->value) return parameter->value;
  return parameter->type == EVA_NUMBER ? "n" : parameter->type == EVA_HEX ? "hex" : "value";
}

/* Writes the form of PARAMETER to BUF, which has SIZE octets: `--ttl=<seconds>`, `<key>`.  Returns
   its length, as snprintf does.  */
static int
write_form (const struct eva_parameter *parameter, bool is_option, char *buf, size_t size) {
  if (!is_option) return snprintf (buf, size, "<%s>", parameter->name);
  if (parameter->type == EVA_PLAIN) return snprintf (buf, size, "%s", parameter->name);
  return snprintf (buf, size, "%s=<%s>", parameter->name, value_name (parameter));
}

void
eva__describe_synopsis (const struct eva_command *command, char buf[EVA__DESCRIPTION_SIZE]) {
  size_t room = EVA__DESCRIPTION_SIZE - sizeof " ...";
  size_t len = (size_t) snprintf (buf, room, "%s", command->name);

  for (size_t i = 0; i < command->n_parameters; i++) {
    const struct eva_parameter *parameter = &command->parameters[i];
    bool is_option = eva__describe_is_option (parameter);
    bool may_miss = parameter->is_optional || is_option;
    size_t form_len = (size_t) write_form (parameter, is_option, NULL, 0);
    if (len >= room || form_len + 4 > room - len) {
      memcpy (buf + strlen (buf), " ...", sizeof " ...");
      return;
    }
    buf[len++] = ' ';
    if (may_miss) buf[len++] = '[';
    len += (size_t) write_form (parameter, is_option, buf + len, form_len + 1);
    if (may_miss) buf[len++] = ']';
    buf[len] = 0;
  }
}

/* Writes the limits of PARAMETER, which has some, to BUF.  */
static void
write_limits (const struct eva_parameter *parameter, char *buf, size_t size) {
  const char *unit = parameter->type == EVA_HEX ? " octets" : "";

  if (!parameter->max)
    snprintf (buf, size, "at least %" PRIu64 "%s", parameter->min, unit);
  else if (parameter->min == parameter->max)
    snprintf (buf, size, "%" PRIu64 "%s", parameter->min, unit);
  else
    snprintf (buf, size, "%" PRIu64 " to %" PRIu64 "%s", parameter->min, parameter->max, unit);
}

/* Writes the form of the parameter number I of PARAMETERS.  */
static int
write_form_of (const struct eva__parameters *parameters, size_t i, char *buf, size_t size) {
  const struct eva_parameter *parameter = &parameters->table[i];

  return write_form (parameter, parameters->are_options || eva__describe_is_option (parameter), buf,
                     size);
}

/* Returns the width of the widest form that is not too wide.  */
static int
find_width (const struct eva__parameters *parameters) {
  int width = 0;

  for (size_t i = 0; i < parameters->n; i++) {
    int len = write_form_of (parameters, i, NULL, 0);
    if (len > width && len <= MAX_WIDTH) width = len;
  }
  return width;
}

bool
eva__describe_parameter (const struct eva__parameters *parameters, size_t i,
                         char buf[EVA__DESCRIPTION_SIZE]) {
  const struct eva_parameter *parameter = &parameters->table[i];
  const char *help = parameter->help ? parameter->help : "";
  char form[200], limits[80] = "";

  if (parameter->min || parameter->max) write_limits (parameter, limits, sizeof limits);
  write_form_of (parameters, i, form, sizeof form);
  if (*help || *limits)
    snprintf (buf, EVA__DESCRIPTION_SIZE, "%-*s  %s%s%s%s", find_width (parameters), form, help,
              *help && *limits ? " (" : "", limits, *help && *limits ? ")" : "");
  else if (parameters->are_options)
    memcpy (buf, form, strlen (form) + 1);
  else
    return false;
  return true;
}
