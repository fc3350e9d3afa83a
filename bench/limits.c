/* The machine's own limit: fp32 multiply-adds a second, all in registers.
 *
 *     limits THREADS [VECTOR_BITS]
 *
 * It speaks the protocol of bench/contender.py, so that the driver can measure
 * it in turn with the networks: a line "ready {json}", then for each line
 * "run K" on its input one line {"gflops": [K samples]}. */

#define _GNU_SOURCE

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define THREADS_MAX 1024

/* Long enough for the clock, short enough to be repeated in every round. */
#define SAMPLE_NS 20000000.0

/* Independent chains: at least latency times units (4 x 2 on current cores),
 * and with the two constants no more than AVX2's 16 registers. */
#define CHAINS 12

/* Each chain tends to 1 / (1 - 0.5) = 2, far from denormals and infinities.
 * The seeds differ, or the compiler would fold the chains into one. */
#define DEFINE_CHAINS(bytes)                                                   \
    typedef float vector_##bytes __attribute__((vector_size(bytes)));          \
    static float chains_##bytes(uint64_t steps, volatile const float *seeds)   \
    {                                                                          \
        const vector_##bytes zero = {0}, m = zero + seeds[0],                  \
                             a = zero + seeds[1];                              \
        vector_##bytes c0 = zero + seeds[2], c1 = zero + seeds[3],             \
                       c2 = zero + seeds[4], c3 = zero + seeds[5],             \
                       c4 = zero + seeds[6], c5 = zero + seeds[7],             \
                       c6 = zero + seeds[8], c7 = zero + seeds[9],             \
                       c8 = zero + seeds[10], c9 = zero + seeds[11],           \
                       c10 = zero + seeds[12], c11 = zero + seeds[13];         \
        for (uint64_t i = 0; i < steps; i++) {                                 \
            c0 = c0 * m + a;                                                   \
            c1 = c1 * m + a;                                                   \
            c2 = c2 * m + a;                                                   \
            c3 = c3 * m + a;                                                   \
            c4 = c4 * m + a;                                                   \
            c5 = c5 * m + a;                                                   \
            c6 = c6 * m + a;                                                   \
            c7 = c7 * m + a;                                                   \
            c8 = c8 * m + a;                                                   \
            c9 = c9 * m + a;                                                   \
            c10 = c10 * m + a;                                                 \
            c11 = c11 * m + a;                                                 \
        }                                                                      \
        const vector_##bytes sum =                                             \
            c0 + c1 + c2 + c3 + c4 + c5 + c6 + c7 + c8 + c9 + c10 + c11;       \
        return sum[0];                                                         \
    }

DEFINE_CHAINS(16)
#ifdef __AVX__
DEFINE_CHAINS(32)
#endif
#ifdef __AVX512F__
DEFINE_CHAINS(64)
#endif

static const struct {
    int bits;
    float (*run)(uint64_t steps, volatile const float *seeds);
} widths[] = {
#ifdef __AVX512F__
    {512, chains_64},
#endif
#ifdef __AVX__
    {256, chains_32},
#endif
    {128, chains_16},
};

struct crew {
    int threads, width;
    uint64_t steps;
    volatile float seeds[2 + CHAINS];
    pthread_barrier_t start;
};

struct worker {
    struct crew *crew;
    double begin_ns, end_ns;
    volatile float sink; /* keeps the result, and so the work, alive */
};

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

static void *work(void *arg)
{
    struct worker *w = arg;
    pthread_barrier_wait(&w->crew->start);
    w->begin_ns = now_ns();
    w->sink = widths[w->crew->width].run(w->crew->steps, w->crew->seeds);
    w->end_ns = now_ns();
    return NULL;
}

/* One sample: GFLOP/s of all threads from the first start to the last end. */
static double sample(struct crew *crew, double *ns_out)
{
    static struct worker workers[THREADS_MAX];
    pthread_t threads[THREADS_MAX];

    for (int i = 0; i < crew->threads; i++)
        workers[i].crew = crew;
    for (int i = 1; i < crew->threads; i++) {
        if (pthread_create(&threads[i], NULL, work, &workers[i])) {
            fprintf(stderr, "limits: cannot start thread %d of %d\n", i + 1,
                    crew->threads);
            exit(1);
        }
    }
    work(&workers[0]);
    double begin = workers[0].begin_ns, end = workers[0].end_ns;
    for (int i = 1; i < crew->threads; i++) {
        pthread_join(threads[i], NULL);
        begin = workers[i].begin_ns < begin ? workers[i].begin_ns : begin;
        end = workers[i].end_ns > end ? workers[i].end_ns : end;
    }
    *ns_out = end - begin;
    return 2.0 * CHAINS * (double)(widths[crew->width].bits / 32) *
           (double)crew->steps * crew->threads / *ns_out;
}

static int find_width(int bits)
{
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++)
        if (bits == 0 || widths[i].bits == bits)
            return (int)i;
    return -1;
}

int main(int argc, char **argv)
{
    static struct crew crew;
    crew.threads = argc > 1 ? atoi(argv[1]) : 0;
    crew.width = find_width(argc > 2 ? atoi(argv[2]) : 0);
    if (crew.threads < 1 || crew.threads > THREADS_MAX || crew.width < 0) {
        fprintf(stderr,
                "limits: usage: limits THREADS [VECTOR_BITS], up to %d threads "
                "and %d bits on the machine it was compiled for\n",
                THREADS_MAX, widths[0].bits);
        return 2;
    }
    crew.seeds[0] = 0.5F;
    crew.seeds[1] = 1.0F;
    for (int i = 0; i < CHAINS; i++)
        crew.seeds[2 + i] = 1.0F + 0.01F * (float)i;
    pthread_barrier_init(&crew.start, NULL, (unsigned)crew.threads);

    /* Double the steps until a sample lasts long enough. */
    double ns = 0;
    for (crew.steps = 1024; ns < SAMPLE_NS; crew.steps *= 2)
        sample(&crew, &ns);

    printf("ready {\"name\": \"limits\", \"threads\": %d, "
           "\"vector_bits\": %d}\n",
           crew.threads, widths[crew.width].bits);
    fflush(stdout);

    char line[64];
    while (fgets(line, sizeof line, stdin)) {
        const int count = strncmp(line, "run ", 4) ? 0 : atoi(line + 4);
        printf("{\"gflops\": [");
        for (int i = 0; i < count; i++)
            printf("%s%.2f", i ? ", " : "", sample(&crew, &ns));
        printf("]}\n");
        fflush(stdout);
    }
    pthread_barrier_destroy(&crew.start);
    return 0;
}
