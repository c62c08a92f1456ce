/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pcapng.c - files that Wireshark reads.  Blocks are little-endian, tags of exported PDUs
   big-endian.  */

#include "pcapng.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

/* Blocks.  */
#define SECTION_HEADER  0x0A0D0D0Au
#define INTERFACE       1u
#define ENHANCED_PACKET 6u

#define BYTE_ORDER_MAGIC         0x1A2B3C4Du
#define LINKTYPE_EXPORTED_PDU    252u
#define NANOSECONDS              9
#define FLAG_INBOUND             1u
#define FLAG_OUTBOUND            2u
#define BLOCK_SIZE_AND_ITS_TWINS 12u

/* Options.  */
#define OPT_END        0u
#define OPT_COMMENT    1u
#define SHB_USERAPPL   4u
#define IF_NAME        2u
#define IF_TSRESOL     9u
#define EPB_FLAGS      2u
#define MAX_OPTION_LEN 65532u

/* Tags of an exported PDU.  */
#define TAG_END       0u
#define TAG_DISSECTOR 12u
#define TAG_PORT_TYPE 24u
#define TAG_SRC_PORT  25u
#define TAG_DST_PORT  26u
#define TAG_P2P_DIR   35u

/* --- Octets ----------------------------------------------------------------------------------- */

/* A block or a payload that grows.  */
struct octets {
  char *buf;
  size_t len, size;
};

static void
begin (struct octets *o) {
  *o = (struct octets) { .size = 256 };
  o->buf = text_alloc (o->size);
}

static void
put (struct octets *o, const void *octets, size_t len) {
  if (o->size - o->len < len) {
    o->size = (o->len + len) * 2;
    o->buf = realloc (o->buf, o->size);
    if (!o->buf) abort ();
  }
  if (len) memcpy (o->buf + o->len, octets, len);
  o->len += len;
}

static void
put_octet (struct octets *o, unsigned int octet) {
  char c = (char) (unsigned char) (octet & 255);

  put (o, &c, 1);
}

static void
put_le (struct octets *o, uint32_t value, unsigned int n) {
  for (unsigned int i = 0; i < n; i++)
    put_octet (o, value >> 8 * i);
}

static void
put_be (struct octets *o, uint32_t value, unsigned int n) {
  while (n--)
    put_octet (o, value >> 8 * n);
}

/* Fills up to a multiple of 4.  */
static void
pad (struct octets *o, size_t len) {
  for (; len % 4; len++)
    put_octet (o, 0);
}

static void
put_option (struct octets *o, unsigned int code, const void *value, size_t len) {
  if (len > MAX_OPTION_LEN) len = MAX_OPTION_LEN;
  put_le (o, code, 2);
  put_le (o, (uint32_t) len, 2);
  put (o, value, len);
  pad (o, len);
}

static void
put_text_option (struct octets *o, unsigned int code, const char *text) {
  char *printable = text_printable (text);

  put_option (o, code, printable, strlen (printable));
  free (printable);
}

/* Writes BODY as a block, whole, and frees it.  */
static void
end_block (struct octets *body, unsigned int type, FILE *out) {
  struct octets block;
  uint32_t size;

  put_option (body, OPT_END, "", 0);
  size = (uint32_t) body->len + BLOCK_SIZE_AND_ITS_TWINS;
  begin (&block);
  put_le (&block, type, 4);
  put_le (&block, size, 4);
  put (&block, body->buf, body->len);
  put_le (&block, size, 4);
  fwrite (block.buf, 1, block.len, out);
  fflush (out);
  free (body->buf);
  free (block.buf);
}

/* --- Blocks ----------------------------------------------------------------------------------- */

void
pcapng_begin (FILE *out, const char *program, const char *comment, const char *interface) {
  static const char resolution = NANOSECONDS;
  struct octets o;

  begin (&o);
  put_le (&o, BYTE_ORDER_MAGIC, 4);
  put_le (&o, 1, 2); /* version 1.0 */
  put_le (&o, 0, 2);
  put_le (&o, UINT32_MAX, 4); /* how long the section is, is not known */
  put_le (&o, UINT32_MAX, 4);
  if (comment) put_text_option (&o, OPT_COMMENT, comment);
  put_text_option (&o, SHB_USERAPPL, program);
  end_block (&o, SECTION_HEADER, out);

  begin (&o);
  put_le (&o, LINKTYPE_EXPORTED_PDU, 2);
  put_le (&o, 0, 2);
  put_le (&o, 0, 4); /* records are never cut */
  put_text_option (&o, IF_NAME, interface);
  put_option (&o, IF_TSRESOL, &resolution, 1);
  end_block (&o, INTERFACE, out);
}

static void
put_tag (struct octets *o, unsigned int type, uint32_t value) {
  put_be (o, type, 2);
  put_be (o, 4, 2);
  put_be (o, value, 4);
}

/* The client's port is the number of the connection, so that Wireshark tells connections apart.  */
static void
put_payload (struct octets *o, const struct pcapng_record *r) {
  static const char dissector[8] = "assuan";

  put_be (o, TAG_DISSECTOR, 2);
  put_be (o, sizeof dissector, 2);
  put (o, dissector, sizeof dissector);
  put_tag (o, TAG_PORT_TYPE, 0);
  put_tag (o, TAG_SRC_PORT, r->is_from_server ? 0 : r->connection);
  put_tag (o, TAG_DST_PORT, r->is_from_server ? r->connection : 0);
  put_tag (o, TAG_P2P_DIR, r->is_from_server);
  put_be (o, TAG_END, 2);
  put_be (o, 0, 2);
  put (o, r->line, r->len);
  put_octet (o, '\n');
}

void
pcapng_put (FILE *out, const struct pcapng_record *r) {
  char flags[4] = { r->is_from_server ? FLAG_INBOUND : FLAG_OUTBOUND };
  struct octets payload, o;

  begin (&payload);
  put_payload (&payload, r);
  begin (&o);
  put_le (&o, 0, 4); /* the interface */
  put_le (&o, (uint32_t) (r->time_ns >> 32), 4);
  put_le (&o, (uint32_t) r->time_ns, 4);
  put_le (&o, (uint32_t) payload.len, 4);
  put_le (&o, (uint32_t) payload.len, 4);
  put (&o, payload.buf, payload.len);
  pad (&o, payload.len);
  if (r->comment) put_text_option (&o, OPT_COMMENT, r->comment);
  put_option (&o, EPB_FLAGS, flags, sizeof flags);
  end_block (&o, ENHANCED_PACKET, out);
  free (payload.buf);
}
