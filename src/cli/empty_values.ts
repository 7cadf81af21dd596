/**
 * Options without a value. Workflows hand in every input that they have, as in
 * `--amdgpu-targets "${{ inputs.targets }}"`, and most of them are empty.
 *
 * @module
 */

import type { Command, Option } from "commander";
import { list, names, nonEmpty } from "./options.ts";

/**
 * Makes an option with an empty value one that was not given: its default holds, and a required one
 * is missing. Options whose reader is {@linkcode nonEmpty} refuse an empty value instead.
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
    if (option !== undefined && typeof value === "string" && isEmpty(option, value)) return true;
    return emit(event, ...values);
  };
}

/** How commander tells itself of each option that it reads; its types have only `on`. */
interface Emitter {
  emit(event: string, ...values: unknown[]): boolean;
}

function isEmpty({ parseArg: reader }: Option, value: string): boolean {
  if (reader === nonEmpty) return false;
  return value.replace(reader === list || reader === names ? /[\s,;]+/g : /\s+/g, "") === "";
}
