/* The console page, which is part of the program. */
#pragma once

#include "base/slice.h"

struct slice console_page(void);
