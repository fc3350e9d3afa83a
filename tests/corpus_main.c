/* The main program of a fuzz target in ordinary builds: every input of the
 * folder that is named, once.
 *
 *     corpus_yaml fuzz/corpus/yaml
 */

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* @return 0, or -1 for what cannot be read. */
static int try_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = NULL;
    long size = -1;
    if (file && fseek(file, 0, SEEK_END) == 0)
        size = ftell(file);
    if (size >= 0)
        bytes = malloc((size_t)size + 1);
    if (bytes)
        rewind(file);
    const int is_read =
        bytes && fread(bytes, 1, (size_t)size, file) == (size_t)size;
    if (is_read)
        LLVMFuzzerTestOneInput(bytes, (size_t)size);
    free(bytes);
    if (file)
        fclose(file);
    return is_read ? 0 : -1;
}

int main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    int files = 0;
    if (!folder) {
        fprintf(stderr, "a folder of inputs is expected\n");
        return 2;
    }
    for (const struct dirent *e; (e = readdir(folder));) {
        char path[4096];
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", argv[1], e->d_name);
        if (try_file(path) != 0) {
            fprintf(stderr, "%s cannot be read\n", path);
            return 2;
        }
        files++;
    }
    closedir(folder);
    printf("%d inputs\n", files);
    return files > 0 ? 0 : 1;
}
