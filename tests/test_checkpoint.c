/* Checkpoints: what was written comes back, anything else is refused in a
 * sentence, and a file that stood there outlives a disk that is full. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "assert_ok.h"
#include "train/run/checkpoint.h"

#define IDENTITY "0123456789abcdef0123456789abcdef"

struct fixture {
    char folder[64], path[96];
};

static int setup(void **state)
{
    static struct fixture f;
    strcpy(f.folder, "/tmp/yt-checkpoint-XXXXXX");
    if (!mkdtemp(f.folder))
        return -1;
    snprintf(f.path, sizeof f.path, "%s/training.ckpt", f.folder);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    const struct fixture *f = *state;
    char command[96];
    snprintf(command, sizeof command, "rm -rf '%s'", f->folder);
    return system(command); /* NOLINT(*-env33-c): a path of our own */
}

/* A state whose every number is another. */
static struct yt_checkpoint make(int64_t count, int32_t squares, int seed)
{
    struct yt_checkpoint c;
    assert_ok(yt_checkpoint_init(&c, IDENTITY, count, squares));
    c.numbers = (struct yt_checkpoint_numbers){
        .step = 100 + seed,
        .evaluated = 90,
        .next = 110,
        .left = 3,
        .plan = {.steps = 1000, .warm = 100, .anchor = 7, .way = 0.25},
        .rate_factor = 0.5,
        .halved = 1,
        .start_map = 0.1,
        .best_map = 0.3,
        .best_step = 80,
        .start_loss = 9,
        .loss = 4,
        .seconds = 12.5,
    };
    float *arrays[] = {c.values, c.momenta, c.average, c.best, c.squares};
    for (int a = 0; a < 4 + squares; a++)
        for (int64_t i = 0; i < count; i++)
            arrays[a][i] = (float)(i + 10 * a + seed);
    return c;
}

static void assert_same(const struct yt_checkpoint *a,
                        const struct yt_checkpoint *b)
{
    const size_t bytes = (size_t)a->count * sizeof(float);
    assert_memory_equal(&a->numbers, &b->numbers, sizeof a->numbers);
    assert_memory_equal(a->values, b->values, bytes);
    assert_memory_equal(a->momenta, b->momenta, bytes);
    assert_memory_equal(a->average, b->average, bytes);
    assert_memory_equal(a->best, b->best, bytes);
    if (a->squares)
        assert_memory_equal(a->squares, b->squares, bytes);
}

static void comes_back(void **state)
{
    const struct fixture *f = *state;
    for (int32_t squares = 0; squares < 2; squares++) {
        struct yt_checkpoint c = make(1000, squares, 0), read;
        struct stat about;
        char beside[128];
        assert_ok(yt_checkpoint_write(&c, f->path));
        assert_ok(yt_checkpoint_init(&read, IDENTITY, 1000, squares));
        assert_ok(yt_checkpoint_read(&read, f->path));
        assert_same(&c, &read);
        snprintf(beside, sizeof beside, "%s.part", f->path);
        assert_int_not_equal(stat(beside, &about), 0);
        yt_checkpoint_deinit(&read);
        yt_checkpoint_deinit(&c);
    }
}

static void assert_refused(const char *path, const char *identity,
                           int64_t count, int32_t squares,
                           enum yt_status status, const char *part)
{
    struct yt_checkpoint c;
    assert_ok(yt_checkpoint_init(&c, identity, count, squares));
    assert_int_equal(yt_checkpoint_read(&c, path), status);
    if (!strstr(yt_error(), part))
        fail_msg("'%s' does not say '%s'", yt_error(), part);
    yt_checkpoint_deinit(&c);
}

static void others_are_refused(void **state)
{
    const struct fixture *f = *state;
    struct yt_checkpoint c = make(50, 1, 0);
    assert_refused(f->path, IDENTITY, 50, 1, YT_NOT_FOUND,
                   "No such file or directory");
    assert_ok(yt_checkpoint_write(&c, f->path));
    static const char *const part = "is of another training";
    assert_refused(f->path, "another", 50, 1, YT_BAD_INPUT, part);
    assert_refused(f->path, IDENTITY, 51, 1, YT_BAD_INPUT, part);
    assert_refused(f->path, IDENTITY, 50, 0, YT_BAD_INPUT, part);
    yt_checkpoint_deinit(&c);
}

static size_t slurp(const char *path, unsigned char *bytes, size_t most)
{
    FILE *file = fopen(path, "rbe");
    assert_non_null(file);
    const size_t size = fread(bytes, 1, most, file);
    fclose(file);
    return size;
}

static void spill(const char *path, const unsigned char *bytes, size_t size)
{
    FILE *file = fopen(path, "wbe");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

/* Every length that is not the whole, and every byte. */
static void damage_is_seen(void **state)
{
    const struct fixture *f = *state;
    struct yt_checkpoint c = make(8, 1, 0), read;
    unsigned char bytes[1024];
    assert_ok(yt_checkpoint_write(&c, f->path));
    const size_t size = slurp(f->path, bytes, sizeof bytes);
    assert_true(size > 8 * 5 * sizeof(float) && size < sizeof bytes);
    for (size_t cut = 0; cut < size; cut++) {
        spill(f->path, bytes, cut);
        assert_refused(f->path, IDENTITY, 8, 1, YT_BAD_INPUT, "cut off");
    }
    bytes[size] = 0;
    spill(f->path, bytes, size + 1);
    assert_refused(f->path, IDENTITY, 8, 1, YT_BAD_INPUT, "longer");
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= 0x10;
        spill(f->path, bytes, size);
        assert_ok(yt_checkpoint_init(&read, IDENTITY, 8, 1));
        assert_int_equal(yt_checkpoint_read(&read, f->path), YT_BAD_INPUT);
        yt_checkpoint_deinit(&read);
        bytes[i] ^= 0x10;
    }
    bytes[8] = YT_CHECKPOINT_VERSION + 1;
    spill(f->path, bytes, size);
    assert_refused(f->path, IDENTITY, 8, 1, YT_BAD_INPUT, "a newer yolotune");
    spill(f->path,
          (const unsigned char *)"a letter, not a checkpoint, and it "
                                 "is long enough to be looked at: "
                                 "more than a head's bytes",
          90);
    assert_refused(f->path, IDENTITY, 8, 1, YT_BAD_INPUT, "is no checkpoint");
    yt_checkpoint_deinit(&c);
}

/* A limit of a file's size stands in for the disk; a child, since limits
 * stay. */
static int write_on_full_disk(const char *path)
{
    const pid_t child = fork();
    if (child == 0) {
        const struct rlimit limit = {2000, 2000};
        struct yt_checkpoint c = make(5000, 1, 1);
        signal(SIGXFSZ, SIG_IGN);
        if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
            _exit(1);
        const enum yt_status status = yt_checkpoint_write(&c, path);
        _exit(status == YT_IO && strstr(yt_error(), "cannot be written") ? 0
                                                                         : 2);
    }
    int result = -1;
    assert_int_equal(waitpid(child, &result, 0), child);
    return WIFEXITED(result) ? WEXITSTATUS(result) : -1;
}

static void full_disks_keep_the_old_one(void **state)
{
    const struct fixture *f = *state;
    struct yt_checkpoint c = make(5000, 1, 0), read;
    assert_ok(yt_checkpoint_write(&c, f->path));
    assert_int_equal(write_on_full_disk(f->path), 0);
    assert_ok(yt_checkpoint_init(&read, IDENTITY, 5000, 1));
    assert_ok(yt_checkpoint_read(&read, f->path));
    assert_same(&c, &read);
    yt_checkpoint_deinit(&read);
    char beside[128];
    struct stat about;
    snprintf(beside, sizeof beside, "%s.part", f->path);
    assert_int_not_equal(stat(beside, &about), 0);
    assert_int_equal(yt_checkpoint_write(&c, "/no/such/folder/x"), YT_IO);
    yt_checkpoint_deinit(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(others_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(damage_is_seen, setup, teardown),
        cmocka_unit_test_setup_teardown(full_disks_keep_the_old_one, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
