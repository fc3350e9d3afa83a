#!/bin/bash
# The house rules of docs/ARCHITECTURE.md, checked: includes point down only,
# each foreign library is known to one layer, only cli/ prints or ends the
# process, and what ships needs libc and pthreads alone.
set -u
cd "$YT_SOURCE_DIR" || exit 1
failures=0
complain()
{
    echo "$*" >&2
    failures=$((failures + 1))
}

# Folder: the folders it may include besides itself and include/yolotune.
declare -A may=(
    [include]=''
    [runtime]=''
    [model]='runtime'
    [codegen]='runtime'
    [db]='runtime'
    [eval]='runtime model'
    [quant]='runtime model'
    [tuner]='runtime model quant codegen db'
    [strategies]='runtime model quant eval tuner db'
    [export]='runtime model codegen'
    [cli]='runtime model quant codegen db eval tuner strategies export'
)

# Header pattern: the only folders that may include it.
foreign=(
    'llvm-c/:codegen'
    'sqlite3\.h:db'
    'libcpuid:tuner'
    'zip\.h:model'
    'protobuf-c/:model'
    'onnx\.pb-c\.h:model'
    'xxhash\.h:model quant'
    'jpeglib\.h:eval'
    'jerror\.h:eval'
    'png\.h:eval'
    'jansson\.h:db eval export cli'
    'yaml\.h:eval'
    'math\.h:model quant codegen db eval tuner strategies cli'
)

is_in()
{
    case " $2 " in *" $1 "*) return 0 ;; esac
    return 1
}

check_include() # file:line folder header
{
    local top=${3%%/*} entry pattern
    if [[ $3 == */* && ($top == yolotune || -n ${may[$top]+known}) ]]; then
        [[ $top == yolotune || $top == "$2" ]] || is_in "$top" "${may[$2]}" ||
            complain "$1: $2/ may not include $3"
        return
    fi
    is_in "$top" 'tests bench examples fuzz' && [[ $3 == */* ]] &&
        complain "$1: nothing may include $3"
    for entry in "${foreign[@]}"; do
        pattern=${entry%:*}
        [[ $3 =~ ^$pattern ]] || continue
        is_in "$2" "${entry##*:}" ||
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
[ "$includes" -gt 20 ] || complain "only $includes includes found: what was checked?"

# Symbols: what the compiled layers reach for.
undefined() # archive: "object symbol" lines, weak ones too
{
    nm -A -u "$1" 2>/dev/null |
        sed -nE 's/^[^:]*:([^:]*):.* [UwV] ([^@]*).*$/\1 \2/p'
}

archives=0
for layer in runtime model codegen db eval tuner strategies export; do
    archive=$YT_BUILD_DIR/libyt_$layer.a
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
    sched_getaffinity sched_yield sigfillset clock_gettime syscall
    __sched_cpucount __sched_cpualloc __sched_cpufree'
text='mmap munmap madvise memcpy memmove memset memcmp strcmp strncmp strlen strnlen strchr strcspn
    strspn snprintf vsnprintf sscanf __isoc99_sscanf strtol strtoull
    __errno_location'
linker='_GLOBAL_OFFSET_TABLE_ __tls_get_addr __stack_chk_fail'
allowed=$(echo $memory $threads $text $linker)

# Objects with functions that open, create or only serve tests; all others run
# per frame and may not allocate.
allocating='pool.c.o reference.c.o reference_integers.c.o model.c.o batch_open.c.o model_open.c.o'

defined=$(nm --defined-only "$shipped" 2>/dev/null | awk 'NF == 3 {print $3}')
while read -r object symbol; do
    grep -qxF -- "$symbol" <<<"$defined" && continue
    is_in "$symbol" "$allowed" ||
        complain "runtime/$object: needs $symbol, not of libc's small list"
    if is_in "$symbol" "$(echo $memory)" && ! is_in "$object" "$allocating"; then
        complain "runtime/$object: needs $symbol but runs per frame"
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
