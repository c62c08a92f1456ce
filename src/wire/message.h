/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* message.h - lines into messages: which kind, which word, which text.

   Requests, answers to inquiries and responses have a grammar each (manual, "Client requests",
   "Server responses"). Nothing is copied: a message points into its line.  */

#ifndef EVA__WIRE_MESSAGE_H
#define EVA__WIRE_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

enum eva__wire_kind {
  EVA__WIRE_NOTHING, /* an empty line, or for a server a comment */
  EVA__WIRE_COMMENT, /* for a client: a line that starts with # */
  EVA__WIRE_COMMAND, /* word: the command, text: its arguments */
  EVA__WIRE_DATA,    /* text: the data, still escaped */
  EVA__WIRE_END,     /* text: what follows */
  EVA__WIRE_CANCEL,
  EVA__WIRE_OK,      /* text: what follows */
  EVA__WIRE_ERR,     /* code and text */
  EVA__WIRE_STATUS,  /* word and text, which begins with the word */
  EVA__WIRE_INQUIRE, /* likewise */
  EVA__WIRE_INVALID  /* none of them */
};

struct eva__wire_message {
  enum eva__wire_kind kind;
  char *word; /* for COMMAND, STATUS, INQUIRE; a NUL follows only where the line ends */
  size_t word_len;
  char *text; /* NUL-terminated by the line's NUL; never NULL */
  size_t text_len;
  uint32_t code; /* for ERR */
};

/* A server's view of LINE (LEN octets, NUL-terminated) outside of an inquiry.  NOTHING is an empty
   line or a comment; INVALID is a line that begins with a blank, a tab or a NUL; anything else is
   COMMAND: the word goes up to the first of these, the text begins after all the blanks and tabs
   that follow it.  The text of NOTHING and INVALID, here and below, is the whole line.  */
void eva__wire_parse_request (char *line, size_t len, struct eva__wire_message *ret);

/* A server's view of a line within an inquiry: NOTHING as above; DATA for `D `, exactly one blank,
   and anything; END for `END`, CANCEL for `CAN` or `CANCEL`, each alone or followed by a blank and
   text; all in any case; else INVALID.  */
void eva__wire_parse_answer (char *line, size_t len, struct eva__wire_message *ret);

/* A client's view of a line: DATA for `D ` and anything; OK, END, STATUS for `S`, INQUIRE, each
   alone or followed by a blank and text; ERR with a decimal number of at most 32 bits, which may be
   negative, as some peers print a gpg_error_t that way; COMMENT; NOTHING for an empty line; else
   INVALID.  Blanks in front of the text do not count.  All must be in upper case.  A STATUS or
   INQUIRE that nothing follows has an empty word.  */
void eva__wire_parse_response (char *line, size_t len, struct eva__wire_message *ret);

/* Finds the keyword that the LEN octets at LINE begin with: S, OK, END, ERR or INQUIRE, with the
   end of the line, a blank or a NUL behind it.  Returns its kind and stores its length at RET_LEN;
   INVALID if there is none.  */
enum eva__wire_kind eva__wire_find_keyword (const char *line, size_t len, size_t *ret_len);

#endif /* EVA__WIRE_MESSAGE_H */
