/* The program's front door: finds the subcommand in one table and steps
 * aside. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "codegen/codegen.h"

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} commands[] = {
#define YT_COMMAND(name, summary) {#name, yt_cmd_##name, summary},
#include "cli/commands.inc"
#undef YT_COMMAND
};

#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static void print_overview(FILE *to)
{
    fputs("usage: yolotune [--scenario NAME] [--model FILE] [OPTION]...\n"
          "       yolotune COMMAND [OPTION]... [ARGUMENT]...\n\n",
          to);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].summary);
    fprintf(to, "  %-10s %s\n", "help", "print a command's manual page");
    fprintf(to, "  %-10s %s\n", "version",
            "print this program's version and LLVM's");
    fputs("\nEach command has a page: 'yolotune COMMAND --help'.\n", to);
}

static int print_version(void)
{
    printf("yolotune %s, LLVM %s\n", YT_VERSION, yt_codegen_llvm_version());
    return YT_EXIT_OK;
}

static int print_help(int argc, char **argv)
{
    if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        print_overview(stdout);
        return YT_EXIT_OK;
    }
    const struct command *command = find_command(argv[1]);
    if (!command)
        return yt_cli_usage(NULL, "%s is not a command", argv[1]);
    char help[] = "--help";
    char *page[] = {argv[1], help, NULL};
    return command->run(2, page);
}

int main(int argc, char **argv)
{
    int code = YT_EXIT_OK;
    if (argc < 2) {
        print_overview(stderr);
        code = YT_EXIT_USAGE;
    } else if (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help") ||
               !strcmp(argv[1], "-h")) {
        code = print_help(argc - 1, argv + 1);
    } else if (!strcmp(argv[1], "version") || !strcmp(argv[1], "--version") ||
               !strcmp(argv[1], "-V")) {
        code = print_version();
    } else if (argv[1][0] == '-') {
        code = yt_cmd_tune(argc, argv); /* the main job needs no name */
    } else {
        const struct command *command = find_command(argv[1]);
        code = command ? command->run(argc - 1, argv + 1)
                       : yt_cli_usage(NULL, "%s is not a command", argv[1]);
    }

    /* A full disk or a closed pipe behind stdout is a failure too. */
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == YT_EXIT_OK) {
        fputs("yolotune: cannot write to standard output\n", stderr);
        code = YT_EXIT_FAILURE;
    }
    return code;
}
