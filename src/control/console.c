#include "control/console.h"

/* console.html as it is; CONSOLE_HTML is its path, from the build. */
__asm__(".section .rodata\n"
        ".balign 16\n"
        "console_html:\n"
        ".incbin \"" CONSOLE_HTML "\"\n"
        "console_html_end:\n"
        ".byte 0\n"
        ".previous\n");

extern const uint8_t console_html[], console_html_end[];

struct slice console_page(void)
{
    return slice_of(console_html, (size_t)(console_html_end - console_html));
}
