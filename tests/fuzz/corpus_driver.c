/* Runs a fuzz target over the files of the folders and files named on the command line. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        perror(path);
        return -1;
    }
    size_t   size = 0;
    size_t   room = 1 << 16;
    uint8_t *data = malloc(room);
    while (data != NULL) {
        size_t n = fread(data + size, 1, room - size, f);
        size += n;
        if (n == 0)
            break;
        if (size == room)
            data = realloc(data, room *= 2);
    }
    (void)fclose(f);
    if (data == NULL)
        return -1;
    /* Exactly as many bytes as there are, so that a read past the end is seen by the sanitizer. */
    uint8_t *exact = malloc(size > 0 ? size : 1);
    if (exact != NULL) {
        memcpy(exact, data, size);
        (void)LLVMFuzzerTestOneInput(exact, size);
    }
    free(exact);
    free(data);
    return exact != NULL ? 0 : -1;
}

static int run_folder(const char *path, unsigned *count)
{
    struct dirent **names = NULL;
    int             n = scandir(path, &names, NULL, alphasort);
    int             bad = n < 0 ? -1 : 0;

    if (n < 0)
        perror(path);
    for (int i = 0; i < n; i++) {
        char file[4096];
        if (names[i]->d_name[0] != '.') {
            (void)snprintf(file, sizeof file, "%s/%s", path, names[i]->d_name);
            bad |= run_file(file);
            ++*count;
        }
        free(names[i]);
    }
    free(names);
    return bad;
}

int main(int argc, char **argv)
{
    unsigned count = 0;
    int      bad = 0;

    for (int i = 1; i < argc; i++)
        bad |= run_folder(argv[i], &count);
    if (count == 0) {
        (void)fprintf(stderr, "%s: no inputs: the corpus is missing\n", argv[0]);
        return 1;
    }
    (void)printf("%u inputs\n", count);
    return bad != 0 ? 1 : 0;
}
