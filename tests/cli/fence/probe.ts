/**
 * A thread that tries what it is told, and reports the outcome of each.
 *
 * @module
 */

/** What to try. */
export interface Attempt {
  readonly what: "read" | "write" | "move" | "connect" | "run" | "load" | "import" | "environment";
  /** A path, URL, program or variable; for a move `FROM -> TO`. */
  readonly at: string;
}

const ATTEMPTS: Readonly<Record<Attempt["what"], (at: string) => unknown>> = {
  read: (at) => Deno.readTextFileSync(at),
  write: (at) => Deno.writeTextFileSync(at, "written"),
  move: (at) => Deno.renameSync(...at.split(" -> ") as [string, string]),
  connect: async (at) => await (await fetch(at)).text(),
  run: async (at) => await new Deno.Command(at).output(),
  load: (at) => Deno.dlopen(at, {}),
  import: async (at) => await import(at),
  environment: (at) => Deno.env.get(at),
};

const here = self as unknown as {
  onmessage: (event: MessageEvent<readonly Attempt[]>) => void;
  postMessage(outcomes: readonly string[]): void;
};

here.onmessage = async ({ data }) => {
  const outcomes: string[] = [];
  for (const { what, at } of data) {
    try {
      await ATTEMPTS[what](at);
      outcomes.push("done");
    } catch (error) {
      const { message } = error as Error;
      outcomes.push(/^Requires \w+ access/.test(message) ? "denied" : message);
    }
  }
  here.postMessage(outcomes);
};
