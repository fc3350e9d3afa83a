# fish completion for yolotune. Commands, options and what they mean are read
# from the program's own help.

function __yolotune_command
    set -l words (commandline -opc)
    if test (count $words) -gt 1; and not string match -q -- '-*' $words[2]
        echo $words[2]
    else
        echo tune
    end
end

function __yolotune_commands
    yolotune help 2>/dev/null | sed -n 's/^  \([a-z]\{1,\}\)  */\1\t/p'
end

function __yolotune_actions
    set -l command (__yolotune_command)
    yolotune help $command 2>/dev/null |
        sed -n "s/^    yolotune $command \([a-z]*\).*/\1/p" | sort -u
end

# The first line behind an option says what it is.
function __yolotune_options
    yolotune help (__yolotune_command) 2>/dev/null | awk '
        /^    -/ { sub(/^ *(-[a-zA-Z], )?/, ""); sub(/[ ,].*/, "")
                   option = $0; next }
        option { sub(/^ */, ""); print option "\t" $0; option = "" }'
end

function __yolotune_wants_action
    set -l words (commandline -opc)
    test (count $words) -eq 2; and contains -- $words[2] db plan
end

complete -c yolotune -n __fish_use_subcommand -f -a '(__yolotune_commands)'
complete -c yolotune -n __yolotune_wants_action -f -a '(__yolotune_actions)'
complete -c yolotune -n 'string match -q -- "-*" (commandline -ct)' -f \
    -a '(__yolotune_options)'

function __yolotune_values
    complete -c yolotune -l $argv[1] -x -a "$argv[2..]"
end
__yolotune_values isa scalar sse4.2 avx2 avx2vnni avx512 avx512vnni \
    avx512vbmi avx512bf16
__yolotune_values scenario realtime accuracy constrained
__yolotune_values sort execution time flops parameters bytes intensity
for name in split val-split test-split
    __yolotune_values $name train val test
end
__yolotune_values parallel latency throughput pipeline all
__yolotune_values prune auto channels blocks
__yolotune_values labels yes no
__yolotune_values optimiser adam sgd
__yolotune_values nms ultralytics exact
__yolotune_values fit letterbox stretch
__yolotune_values filter bilinear nearest
__yolotune_values device cpu
__yolotune_values precision auto fp32 bf16 int16 int8
__yolotune_values calib-method auto minmax percentile mse kl
