/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* json.h - objects of --json: one a line, on stdout, flushed.

   json-c passes on what is no UTF-8.  So json_add_octets looks first, and octets that are no text
   go out as "base64" in place of "text".  */

#ifndef ASSUANCTL_JSON_H
#define ASSUANCTL_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* An object that is being made.  */
struct json;

/* Returns a new object with this "type", or without one if TYPE is NULL.  */
struct json *json_new (const char *type);

/* Adds a member: a text, which is made valid UTF-8; a number; true or false.  */
void json_add (struct json *object, const char *name, const char *text);
void json_add_number (struct json *object, const char *name, int64_t number);
void json_add_bool (struct json *object, const char *name, bool value);

/* Adds an array of the N TEXTS.  */
void json_add_array (struct json *object, const char *name, const char *const *texts, size_t n);

/* Adds octets: as NAME if they are text, else as "base64".  */
void json_add_octets (struct json *object, const char *name, const void *buf, size_t len);

/* From here on objects go to stderr: stdout is a connection.  */
void json_leave_stdout (void);

/* Returns where objects go.  */
FILE *json_get_file (void);

/* Prints OBJECT as one line there, flushed, or to FILE, and frees it.  */
void json_print (struct json *object);
void json_print_to (struct json *object, FILE *file);

#endif /* ASSUANCTL_JSON_H */
