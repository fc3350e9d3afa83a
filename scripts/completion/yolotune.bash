# shellcheck disable=SC2207 # word lists are what compgen speaks
# bash completion for yolotune. Commands and options are read from the
# program's own help, so this file knows only what a value looks like.
_yolotune()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    local program=${COMP_WORDS[0]} command=
    ((COMP_CWORD > 1)) && [[ ${COMP_WORDS[1]} != -* ]] &&
        command=${COMP_WORDS[1]}
    COMPREPLY=()

    case $prev in
    --isa)
        COMPREPLY=($(compgen -W 'scalar sse4.2 avx2 avx512' -- "$cur"))
        return
        ;;
    --model | -m | --db | --out | -o | --data | --save-json | --compare | --results | --images)
        compopt -o filenames 2>/dev/null
        COMPREPLY=($(compgen -f -- "$cur"))
        return
        ;;
    esac

    if [[ $cur == -* ]]; then
        # shellcheck disable=SC2086 # no command: the program's own options
        COMPREPLY=($(compgen -W "$("$program" help $command 2>/dev/null |
            grep -oE '^ +(-[a-zA-Z], )?--[a-z0-9-]+' |
            grep -oE '[-]-[a-z0-9-]+')" -- "$cur"))
    elif ((COMP_CWORD == 1)) ||
        [[ ${COMP_WORDS[1]} == help && $COMP_CWORD == 2 ]]; then
        COMPREPLY=($(compgen -W "$("$program" help 2>/dev/null |
            sed -n 's/^  \([a-z]\{1,\}\) .*/\1/p')" -- "$cur"))
    else
        compopt -o filenames 2>/dev/null
        COMPREPLY=($(compgen -f -- "$cur"))
    fi
}
complete -F _yolotune yolotune
