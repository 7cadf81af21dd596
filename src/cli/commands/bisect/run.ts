/**
 * `run-outputs bisect run`: the only command that runs other programs.
 *
 * @module
 */

import { Argument, Command, Option } from "commander";
import { type BisectOptions, withBisectOptions } from "./options.ts";
import { exitCodeOfStep, nameOf, reportNext, reportTest } from "./report.ts";
import { commandTest, mayRun } from "./command.ts";
import { loopLines, type Shell, SHELLS } from "./script.ts";
import { withBisectParts } from "./session.ts";
import type { Context } from "../../context.ts";
import { EXIT } from "../../exit_codes.ts";
import { Output } from "../../terminal/output.ts";

/** The values of the command's options. */
interface RunCommandOptions extends BisectOptions {
  readonly shell?: Shell;
}

/** Builds the command. */
export function bisectRunCommand(context: Context): Command {
  const command = new Command("run")
    .summary("test all commits with a command")
    .description(
      "Runs a command for each commit to test, with the directory of its artifacts in " +
        "$RUN_OUTPUTS_DIR, until the first bad commit is found. Meanwhile, it downloads the " +
        "artifacts of both possible next commits into the cache.",
    )
    .addArgument(new Argument("<command...>", "the command and its arguments, after '--'"))
    .addOption(
      new Option(
        "--shell <name>",
        "the shell of the loop that is printed without permission to run programs (default: " +
          "powershell on Windows, else sh)",
      ).choices(SHELLS),
    )
    .addHelpText(
      "after",
      `
The command's exit code is the verdict: 0 is good, 125 can't be tested, any other code up to 124 is
bad. A higher code or a signal stops the bisect; you can continue it later. A shell returns 126 and
127 for commands that it can't run or find. The command's output goes to standard error.

Running a command needs permission (deno run --allow-run), which the executable does not have. In
that case this prints a shell loop that does the same, and exits with 4. Save it as a script and run
that.

Examples:
  run-outputs bisect run -- ./test.sh
  run-outputs bisect run -- sh -c '"$RUN_OUTPUTS_DIR/bin/rocminfo" | grep gfx942'
  run-outputs bisect run --shell sh -- ./test.sh > loop.sh; bash loop.sh
  run-outputs bisect run --shell powershell -- test.exe > loop.ps1; powershell -File loop.ps1`,
    );
  return withBisectOptions(command).action(async (test: string[], options: RunCommandOptions) => {
    const output = new Output(context.io, options);
    const world = { io: context.io, output, signal: context.interruption() };
    const { signal } = world;
    const { readBisectState } = await import("../../../operations/bisect/store.ts");
    await readBisectState(options.stateDir);
    if (!await mayRun(test[0])) {
      return reportLoop(test, options, output, context);
    }
    await withBisectParts(options.stateDir, world, async (parts) => {
      const { Bisect } = await import("../../../operations/bisect/bisect.ts");
      const bisect = await Bisect.open(parts);
      const run = commandTest(test, (text) => context.io.stderr(text));
      const ending = await bisect.run(async (step, call) => {
        reportTest(step.commit, step.survey, output);
        return await run(step, call);
      }, {
        signal,
        onVerdict: ({ commit }, verdict) => output.note(`${nameOf(commit)}: ${verdict}`),
      });
      await reportNext(ending, bisect.state, output);
      context.setExitCode(exitCodeOfStep(ending));
    });
  });
}

function reportLoop(
  test: readonly string[],
  { stateDir, shell = Deno.build.os === "windows" ? "powershell" : "sh" }: RunCommandOptions,
  output: Output,
  context: Context,
): void {
  const message = `Cannot run '${test[0]}': no permission to run programs; run this shell loop ` +
    "instead";
  output.error(message);
  // The executable knows its own path. How the sources are run is only known to the user.
  const program = Deno.build.standalone ? Deno.execPath() : undefined;
  const loop = loopLines(shell, test, stateDir, program);
  output.result(
    () => ({
      schema: "run-outputs.bisect-loop/1",
      shell,
      loop: `${loop.join("\n")}\n`,
      error: { code: "denied", message },
    }),
    () => loop,
  );
  context.setExitCode(EXIT.notAllowed);
}
