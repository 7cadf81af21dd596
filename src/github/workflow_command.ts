/**
 * What a runner of GitHub Actions understands in a job's output, and how other text is kept from
 * being understood.
 *
 * Source: "Workflow commands for GitHub Actions" in GitHub's documentation; the escaping of
 * messages is that of `@actions/core`. Which lines are commands: `ActionCommand.cs` of
 * `actions/runner` (`TryParseV2` for `::name::` after leading blanks, `TryParse` for `##[name]`
 * anywhere in a line).
 *
 * @module
 */

/** The commands that are used here. */
export type WorkflowCommandName = "error" | "warning" | "group" | "endgroup";

/**
 * A line that the runner takes for a command.
 *
 * @param name The command.
 * @param message What it says; line breaks in it are kept.
 * @returns The line, without a line break at its end.
 */
export function workflowCommand(name: WorkflowCommandName, message = ""): string {
  return `::${name}::${escapeData(message)}`;
}

function escapeData(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

/**
 * Creates a function that changes the text of a stream so that the runner finds no command in it:
 * the last character of each `##[`, and of each `::` that begins a line, becomes `\uXXXX`. Inside
 * a JSON string that is the same character, so JSON stays what it is.
 *
 * A command can be spread over several pieces of the stream.
 *
 * @returns The function: takes the next piece, returns it without commands.
 */
export function withoutCommands(): (text: string) => string {
  // What has been written of the current line and can be the beginning of a command.
  let before = "\n";
  return (text) => {
    const known = before.length;
    const safe = (before + text)
      .replace(/##\[/g, "##\\u005b")
      .replace(/^([^\S\r\n]*:):/gm, "$1\\u003a");
    const line = safe.slice(Math.max(safe.lastIndexOf("\n"), safe.lastIndexOf("\r")) + 1);
    const [, colon] = /^\s*(:?)$/.exec(line) ?? [];
    before = colon === undefined ? `.${/#{0,2}$/.exec(line)![0]}` : `\n${colon}`;
    return safe.slice(known);
  };
}
