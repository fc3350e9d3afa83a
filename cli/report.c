/* Numbers for people. */

#include "cli/report.h"

char *yt_text_count(uint64_t value, char text[YT_TEXT_MAX])
{
    char digits[24];
    const int length =
        snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    char *out = text;
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0)
            *out++ = ',';
        *out++ = digits[i];
    }
    *out = 0;
    return text;
}

char *yt_text_bytes(uint64_t bytes, char text[YT_TEXT_MAX])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1024 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1024;
        unit++;
    }
    snprintf(text, YT_TEXT_MAX, unit ? "%.1f %s" : "%.0f %s", value,
             units[unit]);
    return text;
}

/* Three significant digits. */
static void print_three(char *text, double value, const char *unit)
{
    const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    snprintf(text, YT_TEXT_MAX, "%.*f %s", decimals, value, unit);
}

char *yt_text_si(double value, char text[YT_TEXT_MAX])
{
    static const char *const prefixes[] = {"", "k", "M", "G", "T", "P"};
    size_t prefix = 0;
    while (value >= 999.5 && prefix + 1 < sizeof prefixes / sizeof *prefixes) {
        value /= 1000;
        prefix++;
    }
    print_three(text, value, prefixes[prefix]);
    return text;
}

char *yt_text_time(double ns, char text[YT_TEXT_MAX])
{
    if (ns < 999.5)
        snprintf(text, YT_TEXT_MAX, "%.0f ns", ns);
    else if (ns < 999.5e3)
        print_three(text, ns / 1e3, "us");
    else if (ns < 999.5e6)
        print_three(text, ns / 1e6, "ms");
    else if (ns < 60e9)
        print_three(text, ns / 1e9, "s");
    else
        snprintf(text, YT_TEXT_MAX, "%.0f min %d s",
                 (double)(int64_t)(ns / 60e9), (int)((int64_t)(ns / 1e9) % 60));
    return text;
}
