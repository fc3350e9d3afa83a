/* Both ends of the worker: a socket pair, fixed-size messages, a deadline. */

#include "tuner/measure/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/now.h"
#include "runtime/fail.h"
#include "tuner/measure/bench_case.h"
#include "tuner/measure/frame_case.h"

#define SAMPLE_NS 1000000u
#define BUDGET_NS 400000000u
/* Of 124 convolutions of yolov5n and s on AVX2 and AVX-512 none had a fastest
 * kernel with more than 6 vector accesses to the stack in its inner loops. */
#define SPILL_LIMIT 8
#define EXIT_LOST   75 /* EX_TEMPFAIL of sysexits.h: no fault of a candidate */
#define EXIT_LLVM   70 /* EX_SOFTWARE */

struct request {
    struct yt_schedule schedule;
    double give_up_ns;
};

struct yt_worker {
    pid_t pid; /* 0: gone */
    int fd;
    uint64_t deadline_ns;
};

/* ---------------------------------------------------------------- child */

/* What candidates are tried on: one of the two. */
struct subject {
    struct yt_problem problem;
    const struct yt_isa *isa;
    struct yt_case *tensors;
    struct yt_frame_case *frame;
};

static enum yt_status open_subject(const struct yt_problem *problem,
                                   const struct yt_isa *isa,
                                   struct subject *subject)
{
    *subject = (struct subject){.problem = *problem, .isa = isa};
    if (yt_frame_case_covers(problem->op))
        return yt_frame_case_create(problem, isa, &subject->frame);
    return yt_case_create(problem, isa, &subject->tensors);
}

/* What there is to say when a candidate was checked. */
static void take_check(enum yt_status status, struct yt_worker_result *r)
{
    r->lost = status == YT_NO_MEMORY;
    r->outcome = status == YT_OK ? YT_DB_OK : YT_DB_WRONG;
    if (status != YT_OK)
        snprintf(r->detail, sizeof r->detail, "%.*s", (int)sizeof r->detail - 1,
                 yt_error());
}

static void time_kernel(yt_kernel_fn kernel, const void *args, int64_t tasks,
                        double give_up_ns, struct yt_worker_result *r)
{
    const struct yt_measure_options options = {
        .min_sample_ns = SAMPLE_NS,
        .budget_ns = BUDGET_NS,
        .give_up_ns = give_up_ns,
    };
    /* Too few samples are still samples; their spread says it. */
    (void)yt_measure(kernel, args, tasks, &options, &r->timing);
}

static void measure_frame(struct yt_frame_case *c,
                          const struct subject *subject, int32_t threads,
                          const struct request *request, yt_kernel_fn kernel,
                          struct yt_worker_result *r)
{
    const int64_t tasks =
        yt_schedule_tasks(&subject->problem, &request->schedule, subject->isa);
    take_check(yt_frame_case_check(c, kernel, tasks, &r->max_error), r);
    if (r->outcome != YT_DB_OK)
        return;
    const struct yt_frame_run run =
        yt_frame_case_run(c, kernel, tasks, threads);
    time_kernel(run.kernel, run.args, run.tasks, request->give_up_ns, r);
}

static void measure_kernel(struct yt_case *c, int32_t threads,
                           const struct request *request, yt_kernel_fn kernel,
                           struct yt_worker_result *r)
{
    const struct yt_schedule *s = &request->schedule;
    const size_t bytes = yt_pack_weight_bytes(&c->problem, s, c->isa);
    void *packed = NULL;
    if (posix_memalign(&packed, YT_ALIGN, bytes ? bytes : YT_ALIGN) != 0) {
        r->lost = 1;
        snprintf(r->detail, sizeof r->detail, "no memory for the filter");
        return;
    }
    if (bytes)
        yt_pack_weights(&c->problem, s, c->isa, &c->filter, packed);
    const int64_t tasks = yt_schedule_tasks(&c->problem, s, c->isa);
    take_check(yt_case_check(c, kernel, tasks, s, packed, &r->max_error), r);
    if (r->outcome == YT_DB_OK) {
        const struct yt_args args = yt_case_args(c, packed);
        time_kernel(kernel, &args, (tasks + threads - 1) / threads,
                    request->give_up_ns, r);
    }
    free(packed);
}

static void try_candidate(const struct subject *c, int32_t threads,
                          struct yt_jit *jit, const struct request *request,
                          struct yt_worker_result *r)
{
    memset(r, 0, sizeof *r);
    r->max_error = NAN;
    struct yt_object object;
    yt_kernel_fn kernel;
    enum yt_status status =
        yt_codegen_compile(&c->problem, &request->schedule, c->isa, &object);
    if (status == YT_OK) {
        r->code_bytes = object.code_bytes;
        r->spills = object.spills;
        if (object.spills > SPILL_LIMIT) {
            r->outcome = YT_DB_SPILLS;
            snprintf(r->detail, sizeof r->detail,
                     "%u vector accesses to the stack in its inner loops",
                     object.spills);
        } else {
            status = yt_jit_add(jit, &object, &kernel);
            if (status == YT_OK && c->frame)
                measure_frame(c->frame, c, threads, request, kernel, r);
            else if (status == YT_OK)
                measure_kernel(c->tensors, threads, request, kernel, r);
        }
        yt_object_deinit(&object);
    }
    if (status != YT_OK) {
        r->lost = status == YT_NO_MEMORY;
        r->outcome = YT_DB_COMPILE;
        snprintf(r->detail, sizeof r->detail, "%.*s", (int)sizeof r->detail - 1,
                 yt_error());
    }
}

static int read_all(int fd, void *data, size_t size)
{
    char *at = data;
    while (size) {
        const ssize_t got = read(fd, at, size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return 0;
        at += got;
        size -= (size_t)got;
    }
    return 1;
}

static int write_all(int fd, const void *data, size_t size)
{
    const char *at = data;
    while (size) {
        const ssize_t put = send(fd, at, size, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return 0;
        at += put;
        size -= (size_t)put;
    }
    return 1;
}

static void child_signals(pid_t parent)
{
    /* The parent decides when to stop: what a terminal or a service manager
     * sends to the whole group is its business, and it takes the worker along
     * when it ends. A crash ends the worker, whatever handlers the parent had.
     */
    static const int group[] = {SIGINT, SIGTERM, SIGHUP};
    static const int deadly[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    for (size_t i = 0; i < sizeof group / sizeof group[0]; i++)
        signal(group[i], SIG_IGN);
    for (size_t i = 0; i < sizeof deadly / sizeof deadly[0]; i++)
        signal(deadly[i], SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_LOST); /* it ended before it could take the worker along */
}

/* LLVM cannot go on with this candidate; the parent says so. */
static void leave(const char *sentence)
{
    (void)sentence;
    _exit(EXIT_LLVM);
}

static void child_main(const struct yt_problem *problem,
                       const struct yt_isa *isa, int32_t threads, int cpu,
                       pid_t parent, int fd)
{
    child_signals(parent);
    yt_codegen_on_fatal(leave);
    if (cpu >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(cpu, &set);
        (void)sched_setaffinity(0, sizeof set, &set);
    }
    struct subject subject;
    struct yt_jit *jit = NULL;
    if (open_subject(problem, isa, &subject) != YT_OK ||
        yt_jit_create(&jit) != YT_OK)
        _exit(EXIT_LOST);
    struct request request;
    struct yt_worker_result result;
    while (read_all(fd, &request, sizeof request)) {
        try_candidate(&subject, threads, jit, &request, &result);
        if (!write_all(fd, &result, sizeof result))
            break;
    }
    _exit(0);
}

/* --------------------------------------------------------------- parent */

enum yt_status yt_worker_start(const struct yt_problem *problem,
                               const struct yt_isa *isa, int32_t threads,
                               int cpu, struct yt_worker **worker_out)
{
    struct yt_worker *worker = calloc(1, sizeof *worker);
    YT_FAIL_IF(!worker, YT_NO_MEMORY, "no memory for a worker");
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        free(worker);
        return yt_fail(YT_IO, "a worker's socket: %s", strerror(errno));
    }
    /* Until the child has handlers of its own, a signal waits: the parent's
     * must never run in it. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const pid_t parent = getpid();
    worker->pid = fork();
    if (worker->pid == 0) {
        close(pair[0]);
        child_main(problem, isa, threads, cpu, parent, pair[1]);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(pair[1]);
    if (worker->pid < 0) {
        close(pair[0]);
        free(worker);
        return yt_fail(YT_IO, "cannot fork a worker: %s", strerror(errno));
    }
    worker->fd = pair[0];
    *worker_out = worker;
    return YT_OK;
}

enum yt_status yt_worker_submit(struct yt_worker *worker,
                                const struct yt_schedule *schedule,
                                double give_up_ns, uint64_t deadline_ns)
{
    struct request request;
    memset(&request, 0, sizeof request);
    request.schedule = *schedule;
    request.give_up_ns = give_up_ns;
    worker->deadline_ns = yt_now_ns() + deadline_ns;
    YT_FAIL_IF(!worker->pid || !write_all(worker->fd, &request, sizeof request),
               YT_CRASHED, "the worker is gone");
    return YT_OK;
}

int yt_worker_fd(const struct yt_worker *worker)
{
    return worker->fd;
}

int yt_worker_alive(const struct yt_worker *worker)
{
    return worker->pid != 0;
}

/* Reap; kill first when it still runs. The exit status as waitpid gives it. */
static int reap(struct yt_worker *worker, int kill_it)
{
    int how = 0;
    if (kill_it)
        kill(worker->pid, SIGKILL);
    while (waitpid(worker->pid, &how, 0) < 0 && errno == EINTR)
        continue;
    worker->pid = 0;
    return how;
}

/* Whose fault it was: code that LLVM or the candidate brought down is a crash;
 * who was killed from outside, or had no memory for its tensors, is lost. */
static void describe_death(int how, struct yt_worker_result *r)
{
    const int number = WIFSIGNALED(how) ? WTERMSIG(how) : 0;
    const int code = WIFEXITED(how) ? WEXITSTATUS(how) : 0;
    r->outcome = YT_DB_CRASHED;
    r->lost = number == SIGKILL || number == SIGTERM || code == EXIT_LOST;
    if (code == EXIT_LOST)
        snprintf(r->detail, sizeof r->detail,
                 "the worker could not make its test case (out of memory?)");
    else if (r->lost)
        snprintf(r->detail, sizeof r->detail,
                 "the worker was killed (out of memory?)");
    else if (code == EXIT_LLVM)
        snprintf(r->detail, sizeof r->detail, "LLVM gave up");
    else if (number)
        snprintf(r->detail, sizeof r->detail,
                 "the worker died of signal %d (%s)", number,
                 strsignal(number));
    else
        snprintf(r->detail, sizeof r->detail,
                 "the worker ended by itself with status %d", code);
}

int yt_worker_take(struct yt_worker *worker,
                   struct yt_worker_result *result_out)
{
    struct pollfd poll_fd = {.fd = worker->fd, .events = POLLIN};
    const int ready = poll(&poll_fd, 1, 0);
    if (ready <= 0 && yt_now_ns() < worker->deadline_ns)
        return 0;
    if (ready > 0 && read_all(worker->fd, result_out, sizeof *result_out))
        return 1;
    memset(result_out, 0, sizeof *result_out);
    result_out->max_error = NAN;
    if (ready <= 0) {
        reap(worker, 1);
        result_out->outcome = YT_DB_TIMEOUT;
        snprintf(result_out->detail, sizeof result_out->detail,
                 "no answer within the deadline");
        return 1;
    }
    describe_death(reap(worker, 1), result_out);
    return 1;
}

void yt_worker_stop(struct yt_worker *worker)
{
    if (!worker)
        return;
    if (worker->pid)
        reap(worker, 1);
    close(worker->fd);
    free(worker);
}
