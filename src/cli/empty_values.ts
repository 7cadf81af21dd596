/**
 * Empty option values. Workflows pass every input they have, as in
 * `--amdgpu-targets "${{ inputs.targets }}"`, and most of them are empty.
 *
 * @module
 */

import type { Command, Option } from "commander";
import { list, names, nonEmpty } from "./options.ts";

/**
 * Treats options with an empty value as not given: the default applies, and a required option is
 * missing. Options with the parser {@linkcode nonEmpty} reject an empty value instead.
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

/** The event commander emits for each parsed option; its types declare only `on`. */
interface Emitter {
  emit(event: string, ...values: unknown[]): boolean;
}

function isEmpty({ parseArg: reader }: Option, value: string): boolean {
  if (reader === nonEmpty) return false;
  return value.replace(reader === list || reader === names ? /[\s,;]+/g : /\s+/g, "") === "";
}
