/**
 * The scripts that connect shells with the completion. They know no command: on each press of the
 * key they call `run-outputs __complete =CURRENT [BEFORE...]`, which prints a line for each word,
 * with a tab before its description, or `:files` or `:dirs`.
 *
 * The current word comes first and begins with `=`, because older shells drop empty words.
 *
 * @module
 */

/** The shells. */
export const SHELLS = ["bash", "zsh", "fish", "powershell"] as const;

/** The name of a shell. */
export type ShellName = typeof SHELLS[number];

const BASH = String.raw`# Completion of run-outputs for bash 3.2 and later.
_run_outputs() {
  local cur=\${COMP_WORDS[COMP_CWORD]} rest=$COMP_LINE word count=0 i
  local -a words
  # bash splits words at = and :, so those without a blank in between are one.
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if ((i == 0)) || [[ $rest == [[:blank:]]* ]]; then
      words[count++]=$word
    else
      words[count - 1]+=$word
    fi
    rest=\${rest#*"$word"}
  done
  local current=\${words[count - 1]} before path=$cur
  # What bash does not replace: the part before its own word.
  case $cur in
    = | :) before=$current path= ;;
    *) before=\${current%"$cur"} ;;
  esac
  unset "words[count - 1]"
  for i in "\${!words[@]}"; do words[i]=\${words[i]//[\"\'\\]/}; done
  local program=\${words[0]/#\~/$HOME} value
  COMPREPLY=()
  while IFS=$'\t' read -r value _; do
    case $value in
      :files)
        compopt -o filenames 2>/dev/null
        while IFS= read -r value; do COMPREPLY+=("$value"); done < <(compgen -f -- "$path") ;;
      :dirs)
        compopt -o filenames 2>/dev/null
        while IFS= read -r value; do COMPREPLY+=("$value"); done < <(compgen -d -- "$path") ;;
      *) COMPREPLY+=("\${value#"$before"}") ;;
    esac
  done < <("$program" __complete "=\${current//[\"\'\\]/}" "\${words[@]:1}" 2>/dev/null)
}
complete -F _run_outputs run-outputs
`.replaceAll("\\${", "${");

const ZSH = String.raw`#compdef run-outputs
# Completion of run-outputs for zsh.
_run-outputs() {
  local line program=\${(Q)words[1]/#\~/$HOME}
  local -a before lines values displays
  before=("\${(@Q)words[2,CURRENT-1]}")
  (( CURRENT > 2 )) || before=()
  lines=("\${(@f)$("$program" __complete "=\${(Q)PREFIX}" "\${before[@]}" 2>/dev/null)}")
  for line in "\${lines[@]}"; do
    case $line in
      '') ;;
      :files) [[ $PREFIX == --*=* ]] && compset -P '*='; _files; return ;;
      :dirs) [[ $PREFIX == --*=* ]] && compset -P '*='; _files -/; return ;;
      *) values+=("\${line%%$'\t'*}"); displays+=("\${line/$'\t'/  -- }") ;;
    esac
  done
  (( $#values )) && compadd -l -d displays -a values
}
# In a directory of $fpath this file is the function itself.
if [[ $funcstack[1] == _run-outputs ]]; then
  _run-outputs "$@"
else
  compdef _run-outputs run-outputs
fi
`.replaceAll("\\${", "${");

const FISH = String.raw`# Completion of run-outputs for fish.
function __run_outputs_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    # After --option= the shell's own completion needs the value alone.
    set -l before (string match -r -- '^--[^=]*=' $current)
    set -l path (string replace -r -- '^--[^=]*=' '' $current)
    for line in (command $words[1] __complete "=$current" $words[2..-1] 2>/dev/null)
        switch $line
            case :files
                for name in (__fish_complete_path "$path")
                    echo -- "$before$name"
                end
            case :dirs
                for name in (__fish_complete_directories "$path")
                    echo -- "$before$name"
                end
            case '*'
                echo -- $line
        end
    end
end
complete -c run-outputs -f -a '(__run_outputs_complete)'
`;

const POWERSHELL = String.raw`# Completion of run-outputs for PowerShell 5.1 and later.
Register-ArgumentCompleter -Native -CommandName 'run-outputs', 'run-outputs.exe' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
        ForEach-Object {
            if ($_ -is [System.Management.Automation.Language.StringConstantExpressionAst]) {
                $_.Value
            } else {
                $_.Extent.Text
            }
        })
    if ($words.Count -eq 0) { return }
    $before = @($words | Select-Object -Skip 1)
    & $words[0] __complete "=$wordToComplete" @before 2>$null | ForEach-Object {
        $value, $description = $_ -split [char]9, 2
        # For files and directories PowerShell completes paths if there is nothing else.
        if ($value -and -not $value.StartsWith(':')) {
            if (-not $description) { $description = $value }
            [System.Management.Automation.CompletionResult]::new(
                $value, $value, 'ParameterValue', $description)
        }
    }
}
`;

/** The script of each shell. */
export const SCRIPTS: Readonly<Record<ShellName, string>> = {
  bash: BASH,
  zsh: ZSH,
  fish: FISH,
  powershell: POWERSHELL,
};
