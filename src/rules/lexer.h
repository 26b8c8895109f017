/*
 * Words of an expression, one after the other. Private to this room.
 */
#pragma once

#include "base/arena.h"
#include "rules/expression.h"

enum token_kind {
    TOKEN_END,
    TOKEN_NUMBER, /* text: as written */
    TOKEN_STRING, /* text: unescaped */
    TOKEN_BYTES,  /* text: the bytes of x'..', 0x.., b'..' or 0b.. */
    TOKEN_NAME,   /* text: a bare word */
    TOKEN_QUOTED, /* text: what stood in back-quotes */
    TOKEN_SIGN,   /* text: an operator or a bracket */
};

struct token {
    enum token_kind kind;
    bool is_text; /* TOKEN_BYTES: written x'..' */
    uint32_t at;
    struct slice text;
};

struct lexer {
    struct slice text;
    enum rule_dialect dialect;
    struct arena *arena; /* for unescaped text */
    struct rule_errors *errors;
    uint32_t at;
};

/* False: an error was added, and there is no going on. */
bool lexer_next(struct lexer *l, struct token *out);
