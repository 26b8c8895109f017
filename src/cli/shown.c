/* Texts of the source and of messages, on a terminal. */
#include "base/writer.h"
#include "cli/command.h"

void cli_put_shown(struct writer *w, struct slice text, size_t most)
{
    size_t n = text.len < most ? text.len : most;
    while (n < text.len && n > 0 && (text.ptr[n] & 0xC0) == 0x80)
        n--; /* not inside a character */
    for (size_t i = 0; i < n; i++) {
        uint8_t c = text.ptr[i];
        if (c < 0x20 || c == 0x7F)
            writer_printf(w, "\\x%02x", c);
        else
            writer_u8(w, c);
    }
    if (n < text.len)
        writer_printf(w, "... (%zu bytes)", text.len);
}
