# shellcheck disable=SC2207 # word lists are what compgen speaks
# bash completion for yolotune. Commands and options are read from the
# program's own help, so this file knows only what a value looks like.
_yolotune()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    local program=${COMP_WORDS[0]} command= words=
    ((COMP_CWORD > 1)) && [[ ${COMP_WORDS[1]} != -* ]] &&
        command=${COMP_WORDS[1]}
    COMPREPLY=()

    case $prev in
    --isa)
        words='scalar sse4.2 avx2 avx2vnni avx512 avx512vnni avx512vbmi'
        words+=' avx512bf16'
        ;;
    --scenario) words='realtime accuracy constrained' ;;
    --sort) words='execution time flops parameters bytes intensity' ;;
    --split | --val-split | --test-split) words='train val test' ;;
    --prune) words='auto channels blocks' ;;
    --labels) words='yes no' ;;
    --optimiser) words='adam sgd' ;;
    --nms) words='ultralytics exact' ;;
    --fit) words='letterbox stretch' ;;
    --filter) words='bilinear nearest' ;;
    --device) words='cpu' ;;
    --precision) words='auto fp32 bf16 int16 int8' ;;
    --calib-method) words='auto minmax percentile mse kl' ;;
    -s)
        case $command in
        analyze) words='execution time flops parameters bytes intensity' ;;
        '' | tune) words='realtime accuracy constrained' ;;
        esac
        ;;
    --parallel)
        COMPREPLY=($(compgen -W 'latency throughput pipeline all' -- "$cur"))
        return
        ;;
    --model | -m | --weights | --source | --db | --out | -o | --data | -d | \
        --image | -i | --dump-heads | --save-json | --compare | --results | \
        --images | --calib | --val-data | --teacher | --rival | --checkpoint)
        compopt -o filenames 2>/dev/null
        COMPREPLY=($(compgen -f -- "$cur"))
        return
        ;;
    esac
    if [[ $words ]]; then
        COMPREPLY=($(compgen -W "$words" -- "$cur"))
        return
    fi

    if [[ $cur == -* ]]; then
        # Without a command the options are the main job's.
        COMPREPLY=($(compgen -W "$("$program" help "${command:-tune}" \
            2>/dev/null | grep -oE '^ +(-[a-zA-Z], )?--[a-z0-9-]+' |
            grep -oE '[-]-[a-z0-9-]+')" -- "$cur"))
    elif ((COMP_CWORD == 1)) ||
        [[ ${COMP_WORDS[1]} == help && $COMP_CWORD == 2 ]]; then
        COMPREPLY=($(compgen -W "$("$program" help 2>/dev/null |
            sed -n 's/^  \([a-z]\{1,\}\) .*/\1/p')" -- "$cur"))
    elif [[ $command == @(db|plan) && $prev == "$command" ]]; then
        COMPREPLY=($(compgen -W "$("$program" help "$command" 2>/dev/null |
            sed -n "s/^    yolotune $command \([a-z]*\).*/\1/p" |
            sort -u)" -- "$cur"))
    else
        compopt -o filenames 2>/dev/null
        COMPREPLY=($(compgen -f -- "$cur"))
    fi
}
complete -F _yolotune yolotune
