/**
 * What a runner of GitHub Actions understands in a job's output.
 *
 * Source: "Workflow commands for GitHub Actions" in GitHub's documentation; the escaping is that of
 * `@actions/core`.
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
