/**
 * `run-outputs completions`
 *
 * @module
 */

import { Argument, Command } from "commander";
import { SCRIPTS, type ShellName, SHELLS } from "../completions/scripts.ts";
import type { Context } from "../context.ts";
import { withOutputOptions } from "../options.ts";
import { Output, type OutputOptions } from "../terminal/output.ts";

/** Builds the command. */
export function completionsCommand(context: Context): Command {
  const command = new Command("completions")
    .summary("print a script that completes commands in a shell")
    .description(
      "Prints a script with which a shell completes commands, options, values, GPU families, " +
        "buckets and the runs of a staging directory. The script calls run-outputs on each press " +
        "of the key, so it never has to be updated. It needs no network.",
    )
    .addArgument(new Argument("<shell>", "the shell").choices(SHELLS))
    .addHelpText(
      "after",
      `
Add a line to the file that your shell reads when it starts:
  ~/.bashrc                   eval "$(run-outputs completions bash)"
  ~/.zshrc, after compinit    eval "$(run-outputs completions zsh)"
  ~/.config/fish/config.fish  run-outputs completions fish | source
  $PROFILE (PowerShell)       run-outputs completions powershell | Out-String | Invoke-Expression

An alias does not work: run-outputs must be the executable, or a small script on $PATH.

Examples:
  run-outputs completions bash
  run-outputs completions powershell`,
    );
  return withOutputOptions(command).action((shell: ShellName, options: OutputOptions) => {
    const script = SCRIPTS[shell];
    new Output(context.io, options).result(
      () => ({ schema: "run-outputs.completions/1", shell, script }),
      () => script.trimEnd().split("\n"),
    );
  });
}
