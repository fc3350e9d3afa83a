/* Ctrl-C asks a long job to save what it has; a second one means it. */

#include "cli/cli.h"

#include <signal.h>
#include <string.h>

static volatile int stop_flag;

static void on_signal(int number)
{
    if (stop_flag) {
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
