/**
 * Workflow commands in the output of a GitHub Actions job, and how to keep other text from being
 * read as commands.
 *
 * Source: "Workflow commands for GitHub Actions" in GitHub's documentation; the escaping of
 * messages is that of `@actions/core`. Which lines are commands: `ActionCommand.cs` of
 * `actions/runner` (`TryParseV2` for `::name::` after leading blanks, `TryParse` for `##[name]`
 * anywhere in a line).
 *
 * @module
 */

/** The commands that we use. */
export type WorkflowCommandName = "error" | "warning" | "group" | "endgroup";

/**
 * Formats a workflow command.
 *
 * @param name The command.
 * @param message The message; its line breaks are kept.
 * @returns The line, without a final line break.
 */
export function workflowCommand(name: WorkflowCommandName, message = ""): string {
  return `::${name}::${escapeData(message)}`;
}

function escapeData(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

/**
 * Creates a function that removes commands from the text of a stream: the last character of each
 * `##[`, and of each `::` at the beginning of a line, becomes `\uXXXX`. In a JSON string that is
 * the same character, so JSON keeps its meaning.
 *
 * A command can be split over several pieces of the stream.
 *
 * @returns A function that takes the next piece and returns it without commands.
 */
export function withoutCommands(): (text: string) => string {
  // The written part of the current line that can be the beginning of a command.
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
