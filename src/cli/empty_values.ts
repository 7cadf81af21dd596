/**
 * Empty option values. Workflows pass every input they have, as in
 * `--amdgpu-targets "${{ inputs.targets }}"`, and most of them are empty.
 *
 * @module
 */

import type { Command, Option } from "commander";
import { list, names, rejectsEmpty } from "./options.ts";
import type { Output } from "./terminal/output.ts";

/** The values that were ignored, by command and long option. */
const ignored = new WeakMap<Command, Map<string, string>>();

/**
 * Treats options with an empty value as not given: the default applies, and a required option is
 * missing. Options whose parser {@linkcode rejectsEmpty} are errors instead.
 *
 * @param command A command with all its options.
 */
export function ignoreEmptyValues(command: Command): void {
  const options = new Map(command.options.map((option) => [`option:${option.name()}`, option]));
  const emitter = command as Command & Emitter;
  const emit = emitter.emit.bind(command);
  emitter.emit = (event, ...values) => {
    const option = options.get(event);
    const [value] = values;
    if (option !== undefined && typeof value === "string" && isEmpty(option, value)) {
      const values = ignored.get(command) ?? new Map();
      ignored.set(command, values.set(option.long!, value));
      return true;
    }
    return emit(event, ...values);
  };
}

/**
 * The options of a command whose empty values were ignored.
 *
 * @param command The command, after it was parsed.
 * @returns The values by long option, such as `--stage`.
 */
export function emptyOptions(command: Command): ReadonlyMap<string, string> {
  return ignored.get(command) ?? new Map();
}

/**
 * Notes options whose value has separators and nothing else: somebody joined names, and had none.
 *
 * @param command The command, after it was parsed.
 * @param output Receives the notes.
 */
export function noteEmptyLists(command: Command, output: Output): void {
  for (const [flag, value] of emptyOptions(command)) {
    if (!/[,;]/.test(value)) continue;
    output.note(`${flag} '${value}' lists nothing: the option counts as not given`);
  }
}

/** The event commander emits for each parsed option; its types declare only `on`. */
interface Emitter {
  emit(event: string, ...values: unknown[]): boolean;
}

function isEmpty({ parseArg: reader }: Option, value: string): boolean {
  if (rejectsEmpty(reader)) return false;
  return value.replace(reader === list || reader === names ? /[\s,;]+/g : /\s+/g, "") === "";
}
