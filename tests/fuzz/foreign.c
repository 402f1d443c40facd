/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heads of encrypted files of other programs: the first byte is the format.  What decodes has a layout that fits the file, and
 * what can be written is written the same from what was read.
 */
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "data/doc.h"
#include "format/foreign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
need(bool truth)
{
	if (!truth)
		abort();
}

/* Metadata as Python writes them are read back as themselves. */
static void
check_metadata(const struct foreign *h)
{
	struct buf again = BUF_INIT(LIMIT_FOREIGN_JSON * 6);
	struct doc *d = NULL;

	need(doc_parse_foreign(NULL, "it", buf_view(&h->metadata), &d) == COFFER_OK);
	need(doc_python(NULL, d, &again) == COFFER_OK);
	need(again.len == h->metadata.len && memcmp(again.p, h->metadata.p, again.len) == 0);
	doc_free(&d);
	buf_free(&again);
}

static void
check_written(const struct foreign *h, uint64_t file_size)
{
	struct buf head = BUF_INIT(LIMIT_FOREIGN_JSON * 8);
	struct foreign back = FOREIGN_INIT;
	size_t len;

	need(foreign_encode(NULL, h, h->cipher_len, &head) == COFFER_OK);
	file_size += head.len - h->payload;
	need(foreign_head_len(NULL, h->format, view_of(head.p, num_min(head.len, FOREIGN_START_LEN)), file_size,
			      &len) == COFFER_OK);
	need(len == head.len);
	need(foreign_decode(NULL, h->format, buf_view(&head), file_size, &back) == COFFER_OK);
	need(back.cipher_len == h->cipher_len && memcmp(back.iv, h->iv, sizeof(h->iv)) == 0);
	need(back.has_aad == h->has_aad && memcmp(back.sha256, h->sha256, SHA256_LEN) == 0);
	need(strcmp(back.key_id, h->key_id) == 0 || h->key_id[0] == '\0');
	foreign_free(&back);
	buf_free(&head);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fault f = {.text = ""};
	struct foreign h = FOREIGN_INIT;
	enum coffer_format format;
	coffer_err err;
	size_t len;

	if (size < 1 || data[0] < COFFER_FORMAT_ENCMODEL || data[0] > COFFER_FORMAT_IBM)
		return 0;
	format = (enum coffer_format)data[0];
	data++;
	size--;
	err = foreign_head_len(&f, format, view_of(data, num_min(size, FOREIGN_START_LEN)), size, &len);
	if (err == COFFER_OK)
		err = foreign_decode(&f, format, view_of(data, len), size, &h);
	if (err != COFFER_OK) {
		need((err == COFFER_E_FORMAT || err == COFFER_E_UNSUPPORTED) && f.text[0] != '\0');
	} else {
		need(h.payload + h.cipher_len + foreign_tag_len(format) == size);
		if (format == COFFER_FORMAT_ENVMODEL)
			check_metadata(&h);
		/* longer escapes may make the JSON too long to be read again */
		if (format != COFFER_FORMAT_IBM && size < LIMIT_FOREIGN_JSON / 8)
			check_written(&h, size);
	}
	foreign_free(&h);
	return 0;
}
