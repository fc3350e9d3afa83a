#!/bin/bash
# The house rules of docs/ARCHITECTURE.md, checked: includes point down only,
# each foreign library is known to one layer, only cli/ prints or ends the
# process, what ships needs libc and pthreads alone, and nothing is too long.
set -u
cd "$YT_SOURCE_DIR" || exit 1
failures=0
complain()
{
    echo "$*" >&2
    failures=$((failures + 1))
}

# Folder: the folders it may include besides itself, base and include/yolotune.
# Some folders are drawers (tuner, compress, strategies): what they hold is
# ordered like everything else. Nothing below names what stands above it, so
# there can be no circle.
order=(
    'include:'
    'base:'
    'runtime:'
    'model:runtime'
    'codegen:runtime'
    'db:runtime'
    'eval:runtime model'
    'compress/quant:runtime model'
    'tuner/build:runtime model codegen db compress/quant'
    'tuner/measure:runtime model codegen db tuner/build'
    'tuner/search:runtime model codegen db tuner/build tuner/measure'
    'compress/precision:runtime model eval db compress/quant tuner/build
        tuner/measure tuner/search'
    'train/net:runtime model compress/quant'
    'train/loss:runtime model'
    'train/data:runtime model eval train/loss'
    'train/run:runtime model eval compress/quant train/net train/loss train/data'
    'compress/prune:runtime model train/net compress/quant'
    'compress/ratio:runtime model eval db compress/quant compress/precision
        tuner/build tuner/measure tuner/search train/net train/loss train/data
        train/run compress/prune'
    'strategies/choice:runtime model'
    'strategies/lab:runtime model eval db compress/quant compress/precision
        tuner/build tuner/measure strategies/choice'
    'strategies/advice:runtime model eval db tuner/build tuner/measure
        tuner/search strategies/choice strategies/lab'
    'export:runtime model codegen'
    'page:runtime model db strategies/choice'
    'cli:runtime model codegen db eval compress/quant compress/precision
        tuner/build tuner/measure tuner/search strategies/choice strategies/lab
        strategies/advice export train/net train/loss train/data train/run
        compress/prune compress/ratio page'
)
declare -A may=()
for row in "${order[@]}"; do
    below=$(echo ${row#*:})
    for folder in $below; do
        [ -n "${may[$folder]+known}" ] ||
            complain "${row%%:*}: $folder stands above it"
    done
    may[${row%%:*}]=$below
done

# Header pattern: the only folders that may include it.
foreign=(
    'llvm-c/:codegen'
    'sqlite3\.h:db'
    'libcpuid:tuner/build'
    'zip\.h:model'
    'protobuf-c/:model'
    'onnx\.pb-c\.h:model'
    'dnnl:train/net'
    'oneapi/dnnl:train/net'
    'xxhash\.h:model compress/quant train/run eval'
    'jpeglib\.h:eval'
    'jerror\.h:eval'
    'png\.h:eval'
    'webp/:eval'
    'tiffio\.h:eval'
    'gif_lib\.h:eval'
    'libav:eval'
    'libsw:eval'
    'jansson\.h:db eval export page cli'
    'yaml\.h:eval'
    'math\.h:base model codegen db eval page cli compress/quant compress/precision
        tuner/build tuner/measure tuner/search strategies/choice strategies/lab
        strategies/advice train/net train/loss train/data train/run
        compress/prune compress/ratio'
)

is_in()
{
    case " $2 " in *" $1 "*) return 0 ;; esac
    return 1
}

# The folder of the table that a path lies in: its first two names or one.
folder_of() # path
{
    local first second
    IFS=/ read -r first second _ <<<"$1"
    if [ -n "${may[$first/$second]+known}" ]; then
        echo "$first/$second"
    else
        echo "$first"
    fi
}

check_include() # file:line folder header
{
    local top entry pattern
    top=$(folder_of "$3")
    if [[ $3 == */* && ($top == yolotune || -n ${may[$top]+known}) ]]; then
        [[ $top == yolotune || $top == base || $top == "$2" ]] ||
            is_in "$top" "${may[$2]}" || complain "$1: $2/ may not include $3"
        return
    fi
    is_in "$top" 'tests bench examples fuzz' && [[ $3 == */* ]] &&
        complain "$1: nothing may include $3"
    for entry in "${foreign[@]}"; do
        pattern=${entry%:*}
        [[ $3 =~ ^$pattern ]] || continue
        is_in "$2" "$(echo ${entry##*:})" ||
            complain "$1: <$3> is for ${entry##*:} only"
    done
}

includes=0
for folder in "${!may[@]}"; do
    [ -d "$folder" ] || continue
    while IFS=: read -r file line text; do
        header=$(sed -E 's/^[^<"]*[<"]([^>"]*)[>"].*/\1/' <<<"$text")
        check_include "$file:$line" "$folder" "$header"
        includes=$((includes + 1))
    done < <(grep -rnE '^[[:space:]]*#[[:space:]]*include' "$folder" \
        --include='*.[ch]' --include='*.inc')
done

# What ships compiles runtime/ alone and exports carry its headers alone: its
# sources may include of base/ what is all in the header, its headers nothing.
while IFS=: read -r file line header; do
    [ ! -e "${header%.h}.c" ] ||
        complain "$file:$line: runtime/ may not link ${header%.h}.c"
    [[ $file == *.c ]] ||
        complain "$file:$line: what ships has no $header beside it"
done < <(grep -rnoE 'base/[a-z0-9_]+\.h' runtime include --include='*.[ch]')
[ "$includes" -gt 20 ] || complain "only $includes includes found: what was checked?"

# What only some code may name. Pattern, and where: the beginnings of paths.
# Comments may say what was measured where.
named=(
    'llvm\.x86=codegen/target/x86'
    'LLVMInitialize[A-MO-Z]=codegen/target/'
    'YT_CPU_(SSE|AVX|AMX)=runtime/isa runtime/cpu tuner/build/host'
    'needs *[&|]=runtime/isa tuner/build/cpu_facts'
    'lanes (==|<|>) [0-9]=codegen/target/'
    '(^|[^a-z_])(avx|vnni|sse[0-9]|[xyz]mm[0-9])=codegen/target/x86 runtime/isa
        runtime/cpu tuner/build/host cli/ strategies/advice/guidance'
)
begins_with_one() # path beginnings
{
    local beginning
    for beginning in $2; do
        [[ $1 == "$beginning"* ]] && return 0
    done
    return 1
}
read_code=0
while read -r file; do
    code=$(cc -x c -fpreprocessed -dD -E -P "$file" 2>/dev/null)
    read_code=$((read_code + ${#code}))
    for row in "${named[@]}"; do
        pattern=${row%=*}
        [[ $code =~ $pattern ]] && ! begins_with_one "$file" "${row##*=}" &&
            complain "$file: '${BASH_REMATCH[0]}' is for ${row##*=} only"
    done
done < <(find "${!may[@]}" -name '*.[ch]' -o -name '*.inc' | sort -u)
[ "$read_code" -gt 100000 ] || complain 'no code was read: what was checked?'

# A folder of sources that the table does not have is checked by nobody.
while read -r folder; do
    is_in "$(folder_of "$folder/x")" 'bench examples fuzz tests' ||
        [ -n "${may[$(folder_of "$folder/x")]+known}" ] ||
        complain "$folder/ is not in the table of folders"
done < <(find [a-z]* -name '*.[ch]' -not -path 'build*' -printf '%h\n' | sort -u)

# And inside folders no module needs itself through others.
python3 tests/circles.py || failures=$((failures + 1))

# What is read is of a size to be read.
python3 tests/sizes.py || failures=$((failures + 1))

# Symbols: what the compiled layers reach for.
undefined() # archive: "object symbol" lines, weak ones too
{
    nm -A -u "$1" 2>/dev/null |
        sed -nE 's/^[^:]*:([^:]*):.* [UwV] ([^@]*).*$/\1 \2/p'
}

archives=0
for layer in "${!may[@]}"; do
    [ "$layer" != cli ] || continue
    archive=$YT_BUILD_DIR/libyt_${layer//\//_}.a
    [ -f "$archive" ] || continue
    archives=$((archives + 1))
    while read -r object symbol; do
        case $symbol in
        printf | __printf_chk | vprintf | puts | putchar | perror | stdout | \
            stderr | exit | abort | quick_exit)
            complain "$layer/$object: reaches for $symbol, only cli/ may"
            ;;
        esac
    done < <(undefined "$archive")
done

# What ships: the archive that exports and products link.
shipped=$YT_BUILD_DIR/product/libyt_runtime.a
[ -f "$shipped" ] || shipped=$YT_BUILD_DIR/libyt_runtime.a
[ -f "$shipped" ] || { complain "there is no $shipped"; exit 1; }
memory='malloc calloc realloc free aligned_alloc posix_memalign'
threads='pthread_create pthread_join pthread_setaffinity_np pthread_sigmask
    pthread_mutex_init pthread_mutex_destroy pthread_mutex_lock
    pthread_mutex_unlock pthread_cond_init pthread_cond_destroy
    pthread_cond_wait pthread_cond_signal pthread_cond_broadcast
    pthread_once pthread_atfork __register_atfork
    sched_getaffinity sched_yield sigfillset clock_gettime syscall
    __sched_cpucount __sched_cpualloc __sched_cpufree'
text='mmap munmap madvise memcpy memmove memset memcmp strcmp strncmp strlen strnlen strchr strcspn
    strspn snprintf vsnprintf sscanf __isoc99_sscanf strtol strtoull
    __errno_location'
# Limits of cgroups are files, read when a model or a batch is opened.
files='open read close'
linker='_GLOBAL_OFFSET_TABLE_ __tls_get_addr __stack_chk_fail'
allowed=$(echo $memory $threads $text $files $linker)

# Objects with functions that open, create or only serve tests; all others run
# per frame and may not allocate.
allocating='pool.c.o model.c.o batch_open.c.o model_open.c.o'

defined=$(nm --defined-only "$shipped" 2>/dev/null | awk 'NF == 3 {print $3}')
while read -r object symbol; do
    grep -qxF -- "$symbol" <<<"$defined" && continue
    is_in "$symbol" "$allowed" ||
        complain "runtime/$object: needs $symbol, not of libc's small list"
    if is_in "$symbol" "$(echo $memory)" && ! is_in "$object" "$allocating"; then
        complain "runtime/$object: needs $symbol but runs per frame"
    fi
    if is_in "$symbol" "$files" && [ "$object" != quota.c.o ]; then
        complain "runtime/$object: needs $symbol, only quota.c reads files"
    fi
done < <(undefined "$shipped")

# And the linker agrees: everything in it, no library but libc.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo 'int main(void) { return 0; }' >"$work/main.c"
cc "$work/main.c" -o "$work/main" -nodefaultlibs \
    -Wl,--whole-archive "$shipped" -Wl,--no-whole-archive -lc -lpthread \
    2>"$work/log" ||
    complain "the runtime does not link with libc alone: $(cat "$work/log")"

[ "$failures" -eq 0 ] || { echo "$failures rules broken" >&2; exit 1; }
echo "$includes includes, $archives layers, $(basename "$shipped"): in order"
