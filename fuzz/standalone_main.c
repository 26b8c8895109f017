/*
 * Replays inputs through a fuzz target with any compiler: the corpora and what
 * ever failed run as ordinary tests, so that targets cannot rot.
 *
 *   fuzz_TARGET PATH...      files, and folders whose files are taken
 *
 * Each input lies in a heap block of its exact size, so that AddressSanitizer
 * sees a read past its end. Ends with 1 when a path cannot be read or when all
 * of them together hold no input.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

#define INPUT_MAX (64 << 20)

static size_t replayed;

static int replay_file(const char *path, size_t size)
{
    if (size > INPUT_MAX) {
        fprintf(stderr, "%s: larger than any input should be\n", path);
        return 1;
    }
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        perror(path);
        return 1;
    }
    uint8_t *data = malloc(size > 0 ? size : 1);
    int failed = data == NULL || fread(data, 1, size, f) != size;
    fclose(f);
    if (failed)
        perror(path);
    else if (LLVMFuzzerTestOneInput(data, size) == 0)
        replayed++;
    free(data);
    return failed;
}

static int replay_folder(const char *path);

static int replay(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        perror(path);
        return 1;
    }
    return S_ISDIR(st.st_mode) ? replay_folder(path) : replay_file(path, (size_t)st.st_size);
}

/* One level only: corpora have no folders in them. */
static int replay_folder(const char *path)
{
    DIR *folder = opendir(path);
    if (folder == NULL) {
        perror(path);
        return 1;
    }
    int failed = 0;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char inner[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
        struct stat st;
        if (stat(inner, &st) != 0 || !S_ISREG(st.st_mode))
            continue;
        failed |= replay_file(inner, (size_t)st.st_size);
    }
    closedir(folder);
    return failed;
}

int main(int argc, char **argv)
{
    if (LLVMFuzzerInitialize != NULL && LLVMFuzzerInitialize(&argc, &argv) != 0)
        return 1;
    int failed = 0;
    for (int i = 1; i < argc; i++)
        failed |= replay(argv[i]);
    printf("%zu inputs\n", replayed);
    return failed != 0 || replayed == 0;
}
