/* data.yaml as libFuzzer has it. Names that may lead out of the folder are
 * passed over: all pictures of a machine are too many to look for.
 *
 *     build-fuzz/fuzz/fuzz_yaml fuzz/corpus/yaml
 */

#include <ctype.h>

#include "fuzz/dataset_one.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int may_lead_out(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (data[i] == '/' && (i == 0 || !isalnum(data[i - 1])))
            return 1;
    return memmem(data, size, "..", 2) || memchr(data, '~', size) ||
           memchr(data, '\\', size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dataset_begin();
    if (!may_lead_out(data, size))
        dataset_try(fuzz_write("data.yaml", data, size));
    return 0;
}
