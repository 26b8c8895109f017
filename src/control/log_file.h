/*
 * The log goes to standard error. Where that is a file which somebody renames
 * (logrotate), it can be opened again under its old name.
 */
#pragma once

struct log_file {
    char path[4096]; /* "": standard error is no file */
};

void log_file_find(struct log_file *f);
void log_file_reopen(const struct log_file *f);
