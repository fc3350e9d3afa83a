/* Ctrl-C asks a long job to save what it has; a second one means it. */

#include "cli/cli.h"

#include <signal.h>
#include <string.h>

#include "base/clock.h"

static volatile int stop_flag;

/* Some senders signal the process and its group: that is one request. */
#define REPEAT_NS 200000000

static uint64_t first_ns;

static int is_repeat(void)
{
    const uint64_t now = yt_clock_ns(); /* async-signal-safe by POSIX */
    if (!stop_flag)
        first_ns = now;
    return now - first_ns > REPEAT_NS;
}

static void on_signal(int number)
{
    if (is_repeat()) {
        signal(number, SIG_DFL);
        raise(number);
    }
    stop_flag = 1;
}

const volatile int *yt_cli_stop_flag(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    stop_flag = 0;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        sigaction(numbers[i], &action, NULL);
    return &stop_flag;
}
