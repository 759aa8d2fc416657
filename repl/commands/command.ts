/** What a command is: a row of the table in table.ts. Parsing, help and usage errors are derived from it. */

/** An option of a command. With `value` it takes one, and this is its name in the help. */
export interface Option {
  readonly short?: string;
  readonly value?: string;
  readonly help: string;
  /** It may be given more than once: its values are in `lists`. */
  readonly many?: boolean;
}

/** One use of a command, parsed and checked against its row. */
export interface Call {
  readonly command: Command;
  readonly operands: readonly string[];
  /** The options given that take no value, by long name. */
  readonly flags: ReadonlySet<string>;
  /** The values of the options given that take one, by long name. */
  readonly values: ReadonlyMap<string, string>;
  /** The values of the options that may be given more than once, by long name. */
  readonly lists: ReadonlyMap<string, readonly string[]>;
  /** Aborted by SIGINT, SIGTERM and a closed standard output: end in good order. */
  readonly signal: AbortSignal;
}

export interface Command {
  /** One word or two: 'peek', 'kernel install'. */
  readonly name: string;
  /** What follows the name in the usage line. */
  readonly usage: string;
  /** The fewest and the most operands. */
  readonly operands: readonly [least: number, most: number];
  readonly summary: string;
  /** More to know, for its own help page. */
  readonly details?: readonly string[];
  readonly options: Readonly<Record<string, Option>>;
  readonly examples: readonly string[];
  /** Ends with the exit code. Loads what it needs when it runs, so that help and `peek` stay fast. */
  readonly run: (call: Call) => Promise<number>;
}
