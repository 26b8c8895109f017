/*
 * What is answered: the API, the metrics, health and the console page.
 * docs/openapi.yaml describes it for others.
 *
 * No sockets in here: a request comes in as a struct and leaves as one.
 *
 * Threads: those of the HTTP server; everything they share is the view's.
 */
#pragma once

#include "config/task.h"
#include "control/http.h"
#include "pipeline/view.h"

#include <stdatomic.h>

struct api {
    struct view *view;
    const char *task;
    const char *environment;
    const char *config_text;   /* effective, secrets masked */
    _Atomic uint64_t asked_ms; /* when somebody last asked how the task stands; 0: nobody yet */
};

void api_answer(void *api, const struct http_request *rq, struct http_reply *out);
bool api_is_change(const char *method, const char *path);
bool api_is_open(const char *path);

/* The body of GET /api/v1/task. */
void api_task(struct api *a, struct writer *out);

/* What to do about a state, in a sentence; "" where nothing is to be done. */
const char *api_advice(const struct view_snapshot *s);
