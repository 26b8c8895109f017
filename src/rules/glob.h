/*
 * Globs over UTF-8 names: * ? [a-z] [!a-z] [^a-z] and \x. A character that is
 * not valid UTF-8 counts as one byte. fold_case folds ASCII letters.
 */
#pragma once

#include "base/slice.h"

/* False: a class or an escape is not ended. */
bool glob_valid(struct slice pattern);

/* The pattern is valid. Time is at most the product of both lengths. */
bool glob_match(struct slice pattern, struct slice text, bool fold_case);
