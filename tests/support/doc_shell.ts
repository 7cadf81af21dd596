/**
 * The part of a POSIX shell that the docs use: words, quotes, variables, comments, continued lines,
 * `&&`, `;`, `> FILE`, `>> FILE`. All else is an error, so that no line is skipped by mistake.
 *
 * @module
 */

/** A command of a script. */
export interface Command {
  /** Its words. */
  readonly words: readonly string[];
  /** Where its standard output goes. */
  readonly output?: { readonly file: string; readonly append: boolean };
  /** The script's line, for messages. */
  readonly text: string;
}

/**
 * Parses a script.
 *
 * @param script Its lines.
 * @param env Returns the value of a variable.
 * @throws {SyntaxError} If it has something that this does not know.
 */
export function parseScript(script: string, env: (name: string) => string): Command[] {
  return script.replaceAll("\\\n", " ").split("\n").flatMap((line) => parseLine(line, env));
}

/** A separator, a redirection, a comment, or a word of quoted and other pieces. */
const TOKEN = /\s*(?:(#.*)|(&&|;)|(>>?)\s*|((?:'[^']*'|"[^"]*"|[^\s'"#;&|<>()`\\]|(?<=\S)#)+))/y;

function parseLine(line: string, env: (name: string) => string): Command[] {
  const commands: Command[] = [];
  let words: string[] = [];
  let output: Command["output"];
  let redirect: string | undefined;
  const end = () => {
    if (words.length > 0) {
      commands.push({ words, text: line.trim(), ...(output === undefined ? {} : { output }) });
    }
    words = [];
    output = undefined;
  };
  const text = line.trimEnd();
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const found = TOKEN.exec(text);
    if (found === null) throw new SyntaxError(`cannot parse '${text.slice(at)}' of '${line}'`);
    const [, comment, separator, arrow, word] = found;
    if (comment !== undefined) break;
    if (separator !== undefined) end();
    else if (arrow !== undefined) redirect = arrow;
    else if (redirect !== undefined) {
      output = { file: valueOf(word, env), append: redirect === ">>" };
      redirect = undefined;
    } else words.push(valueOf(word, env));
  }
  end();
  return commands;
}

/** The value of a word: without its quotes, with the values of its variables. */
function valueOf(word: string, env: (name: string) => string): string {
  return word.replace(/'([^']*)'|\$\{?(\w+)\}?|(\$)|"/g, (_, quoted, name, dollar) => {
    if (dollar !== undefined) throw new SyntaxError(`cannot parse '${word}'`);
    return quoted ?? (name === undefined ? "" : env(name));
  });
}
