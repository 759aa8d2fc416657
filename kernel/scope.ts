/** What every cell sees besides JavaScript, Node and the package's public names: declared here, defined in globals.ts. */
export const CELL_GLOBALS = `
/** An output that can be drawn again in its place. */
interface DisplayHandle {
  /** Names it to the front end: another \`display\` with this id shows it a second time. */
  readonly id: string;
  /** Replaces what is shown, wherever it is shown. */
  update(value: unknown): void;
}
/**
 * Shows a value below the cell now: anything with a View, an object with a \`Symbol.for('Jupyter.display')\` method, or a
 * bundle of MIME types (\`{ 'text/html': '<b>…</b>', 'text/plain': '…' }\`).
 */
declare function display(value: unknown, options?: { id?: string }): DisplayHandle;
/** An output that is drawn again and again. Waiting for it is waiting for its end. */
interface Watch extends PromiseLike<void> {
  readonly id: string;
  readonly running: boolean;
  /** Ends it; what is shown stays. */
  stop(): void;
}
interface WatchOptions {
  /** Milliseconds from one look to the next, 250 by default; \`'cell'\`: after each cell, which then tells what it has changed. */
  every?: number | 'cell';
  /** Goes on after the cell. */
  keep?: boolean;
  /** Does not look while a cell runs that has touched the same card. */
  pause?: boolean;
  /** A heading of your own. */
  title?: string;
}
/**
 * Shows a value below the cell and draws it again in its place, every 250 ms or \`every\`, until the cell ends, is interrupted, or
 * \`stop()\` is called; with \`keep\`, also after the cell. What changed in the last second is marked: the bits of a register, its fields.
 *
 * A function is called each time: what it reads, it reads. A register map or a register is read too, but for what reading would change.
 * Numbers have their rate per second, an interrupt its count, its rate and its last latency. What a cell changes of registers that are
 * watched beyond their own cell is told below it.
 *
 * As the last value of a cell, or awaited, it keeps the cell running. The prompt keeps it, pinned above the input, until Ctrl-C on an
 * empty line.
 *
 * @example watch(edu, { every: 100, pause: true }); watch(irq); watch(() => ({ rx: mac.RX.read(), tx: mac.TX.read() }))
 */
declare function watch(source: Viewable | readonly Viewable[] | (() => unknown), options?: WatchOptions): Watch;
/**
 * Shows the first 256 bytes of a region, of the region of bound registers, or of a DMA buffer, as a hexdump; at the prompt, also the
 * whole of it, full screen: move, jump to an offset or a register, search, edit ('?' tells the keys). What is on the screen is read, by
 * accesses of \`width\` bits (default 32, of a buffer 8), when it comes into sight or is refreshed. A fault shows as \`??\`, and registers
 * that reading would change as dashes: they are not read.
 *
 * @param options.offset where to begin, in bytes.
 * @throws UsageError for an offset or a width that there is not; ClosedError where the device was closed.
 * @example browse(dev.bar(0), { offset: 0x80 })
 */
declare function browse(
  what: Region | RegisterBlock | Pick<BoundRegister, 'region' | 'offset' | 'spec'> | DmaBuffer,
  options?: { offset?: number; width?: Width },
): Viewable;
/** Empties the cell's output; with \`wait\`, when the next output comes. */
declare function clearOutput(options?: { wait?: boolean }): void;
/**
 * Asks the front end for a line of text; with \`password\`, one that is not shown. Rejects where the front end has no way to ask, and
 * when the cell is interrupted.
 */
declare function input(prompt?: string, options?: { password?: boolean }): Promise<string>;
/** A side channel to the front end: data both ways, as JSON. */
interface Comm {
  readonly id: string;
  readonly target: string;
  onMessage: ((data: Readonly<Record<string, unknown>>) => void) | undefined;
  onClose: ((data: Readonly<Record<string, unknown>>) => void) | undefined;
  send(data: Readonly<Record<string, unknown>>): void;
  close(data?: Readonly<Record<string, unknown>>): void;
}
/** Side channels: \`open\` one to a target of the front end's, or name a \`target\` that the front end may open. */
declare const comms: {
  open(target: string, data?: Readonly<Record<string, unknown>>): Comm;
  target(name: string, opened: (comm: Comm, data: Readonly<Record<string, unknown>>) => void): void;
};
/** Aborted when the running cell is interrupted; waits for the card end by it unasked. */
declare const signal: AbortSignal;
`;

/** Declared apart: it takes all of Node's types to say what zx's `$` is. */
export const CELL_SHELL = `
/**
 * A command on the host, as zx has it: its output is seen while it runs; where it fails, that is an error with what it said. It ends
 * with the cell that is interrupted. \`$({ quiet: true })\` shows nothing.
 *
 * @example const kernel = await $({ quiet: true })\`uname -r\`
 */
declare const $: import('zx/core').$;
`;

/** The parameters of a cell's function: compiler and guard.ts write them, session.ts gives them. */
export const PARAMETERS = [
  'exports',
  'require',
  '__import',
  '__stop',
  '__cell',
  '__running',
  '__interrupted',
  '__value',
  '__meta',
].join(', ');

/** A cell notes in its stop word where its top level is: the line, shifted so far, and the column. */
export const LINE = 10;
