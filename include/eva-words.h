/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* eva-words.h - the contents of a line: words, options, numbers, hex, and percent escapes.

   A handler gets the arguments of its command as a string, and a client gets a status line as one.
   These functions take such a string apart, and put others together:

       PUT --ttl=60 some+key text to the end      word = eva_word_first (line);
                                                  eva_word_matches (word, "--ttl", &value)
                                                  eva_word_number (value, 1, 3600, &ttl)
                                                  key = eva_word_skip_options (line);
                                                  eva_word_unescape (key, EVA_ESCAPE_PLUS, ...)
                                                  text = eva_word_next (key);

   A word is a pointer to its first octet.  It goes up to the next blank or tab, or to the end of
   the string, and the string goes on behind it.  So a word is also the rest of the line from there
   on, and no function copies or cuts anything.  Every function takes NULL for a word that is not
   there.

   These functions allocate no memory, make no system call, keep nothing, and do not depend on the
   locale: all of them may be called from every callback, and from every thread.  Errors have the
   source Assuan.  */

#ifndef EVA_WORDS_H
#define EVA_WORDS_H

#include <gpg-error.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* --- Words ------------------------------------------------------------------------------------ */

/* Returns the first word of LINE, or NULL if there is none, or LINE is NULL.  */
const char *eva_word_first (const char *line);

/* Returns the word that follows WORD, or NULL if there is none.  */
const char *eva_word_next (const char *word);

/* Returns how many octets WORD has, 0 for NULL.  */
size_t eva_word_len (const char *word);

/* Returns true if WORD is NAME, in the same case: `eva_word_is (text, "KEYINFO")` asks for the
   keyword of a status line.  */
bool eva_word_is (const char *word, const char *name);

/* Returns true if WORD is NAME, or NAME=VALUE; an option's NAME begins with its dashes, as `--ttl`.
   Stores the VALUE, which ends where WORD does and may be empty, or NULL if there is none, at
   RET_VALUE.  A caller that passes NULL there wants no value: then NAME=VALUE does not match.
   RET_VALUE is untouched if nothing matches.  */
bool eva_word_matches (const char *word, const char *name, const char **ret_value);

/* Returns true if WORD is an option: two dashes and something behind them.  Options come before the
   other words; two dashes alone end them.  */
bool eva_word_is_option (const char *word);

/* Returns the first word of LINE that is neither an option nor the `--` that ends the options, or
   NULL if there is none.  */
const char *eva_word_skip_options (const char *line);

/* Copies WORD to DST, which has SIZE octets, and puts a NUL behind it.
   Returns 0; GPG_ERR_MISSING_VALUE if WORD is NULL or empty; GPG_ERR_BUFFER_TOO_SHORT if it does
   not fit, and then DST is untouched.  */
gpg_error_t eva_word_copy (const char *word, char *dst, size_t size);

/* --- Numbers and hex -------------------------------------------------------------------------- */

/* Stores the decimal number that WORD is at RET_NUMBER: digits alone, without a sign.
   Returns 0; GPG_ERR_MISSING_VALUE if WORD is NULL or empty; GPG_ERR_ASS_PARAMETER if it is no such
   number; GPG_ERR_ERANGE if it is less than MIN or more than MAX.  */
gpg_error_t eva_word_number (const char *word, uint64_t min, uint64_t max, uint64_t *ret_number);

/* Stores the octets that WORD has in hex, two digits for each, in either case, at BUF, which has
   room for SIZE octets, and their number at RET_LEN.  If RET_LEN is NULL there must be SIZE of
   them.
   Returns 0; GPG_ERR_MISSING_VALUE if WORD is NULL or empty; GPG_ERR_ASS_PARAMETER if it has octets
   that are not hex digits; GPG_ERR_INV_LENGTH if the last octet has only one digit, or if there are
   less than SIZE octets and RET_LEN is NULL; GPG_ERR_TOO_LARGE if there are more.  On failure BUF
   is untouched.  */
gpg_error_t eva_word_unhex (const char *word, void *buf, size_t size, size_t *ret_len);

/* Writes the LEN octets at SRC in hex, in upper case, to DST, which has SIZE octets, and puts a NUL
   behind them.
   Returns 0, or GPG_ERR_BUFFER_TOO_SHORT if SIZE is less than 2 * LEN + 1, and then DST is
   untouched.  */
gpg_error_t eva_hex (const void *src, size_t len, char *dst, size_t size);

/* --- Percent escapes -------------------------------------------------------------------------- */

/* GnuPG's commands write an octet that must not stand in a line, or in a word, as a percent sign
   and two hex digits: `%0A`.  Some also write a blank as `+`, and a plus sign as `%2B`; the
   documentation of the command says whether they do.  The caller does not have to care for the
   escapes of data lines: the library escapes data when it sends them, and unescapes what it hands
   out.  */

/* Flags of the functions that follow.  */
#define EVA_ESCAPE_WORD    1u /* escape: the result is a word, so blanks are escaped as well */
#define EVA_ESCAPE_PLUS    2u /* escape: the same, and a blank is `+`; unescape: `+` is a blank */
#define EVA_ESCAPE_LENIENT 4u /* unescape: a `%` that two hex digits do not follow is one */

/* Escapes the LEN octets at SRC, NULs included, to DST, which has SIZE octets, and puts a NUL
   behind them.  Without flags the result is a text for the rest of a line: this escapes `%`,
   control characters, DEL, and a blank in front, which a reader would skip.  With EVA_ESCAPE_WORD
   the result is a word that reads the same whether `+` counts as a blank or not: this also escapes
   blanks, `+`, and a dash in front, which would begin an option.  An empty text cannot become a
   word.  SRC and DST must not overlap.
   Returns how many octets the result has, without the NUL.  If that is SIZE or more the result does
   not fit, and DST holds an empty string; 3 * LEN + 1 is always enough.  DST may be NULL if SIZE is
   0.  */
size_t eva_escape (const void *src, size_t len, unsigned int flags, char *dst, size_t size);

/* Undoes the escapes in the LEN octets at BUF in place, stores the new length at RET_LEN, and wipes
   what is left of the old text.  If BUF is a string and LEN its length, a NUL follows the result;
   otherwise none is written.  A caller that passes NULL for RET_LEN wants a string: then a NUL
   among the octets is an error, because what follows it would be lost.
   Returns 0; GPG_ERR_ASS_SYNTAX for a `%` that two hex digits do not follow, unless
   EVA_ESCAPE_LENIENT allows it; GPG_ERR_INV_VALUE for a NUL without RET_LEN.  On failure BUF is
   untouched.  */
gpg_error_t eva_unescape (char *buf, size_t len, unsigned int flags, size_t *ret_len);

/* The same for the string TEXT, which may be the rest of a line, to DST, which has SIZE octets; a
   NUL follows the result.
   Returns as eva_unescape, or GPG_ERR_BUFFER_TOO_SHORT if the result and the NUL do not fit.  On
   failure DST is untouched.  */
gpg_error_t eva_unescape_to (const char *text, unsigned int flags, char *dst, size_t size,
                             size_t *ret_len);

/* The same for WORD alone.  Returns as eva_unescape_to, or GPG_ERR_MISSING_VALUE if WORD is NULL or
   empty.  */
gpg_error_t eva_word_unescape (const char *word, unsigned int flags, char *dst, size_t size,
                               size_t *ret_len);

/* --- Lines ------------------------------------------------------------------------------------ */

/* Puts a line together as FORMAT says, at DST, which has SIZE octets, with a NUL behind it.  FORMAT
   is one of printf's, and compilers check its arguments.  But strings are escaped, so that none can
   end the line or pass for more of it than the caller means:

       %s            a text, as for the rest of a line: eva_escape without flags
       %-s           a word, or the value of an option: EVA_ESCAPE_WORD
       %.Ns  %.*s    and with the dash: at most so many octets of a string that may have no NUL
       %c            an octet, escaped if it has to be
       %d  %i  %u  %x  %X, also with l, ll or z    a number
       %%            a percent sign

   `"PUT --ttl=%u %-s %s", ttl, key, text` makes three arguments, whatever key and text are, if
   neither is empty.  There are no other conversions, no widths, and no other flags.
   Returns 0; GPG_ERR_BUFFER_TOO_SHORT if the line and its NUL do not fit; GPG_ERR_ASS_INV_VALUE for
   a conversion that is not listed, or a string that is NULL.  On failure DST is wiped and holds an
   empty string.  */
gpg_error_t eva_format (char *dst, size_t size, const char *format, ...) GPGRT_ATTR_PRINTF (3, 4);

/* The same with its arguments in AP.  The call does not use AP up, and the caller ends it.  */
gpg_error_t eva_vformat (char *dst, size_t size, const char *format, va_list ap)
    GPGRT_ATTR_PRINTF (3, 0);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif /* EVA_WORDS_H */
