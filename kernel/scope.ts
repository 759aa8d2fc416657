/** What every cell sees besides JavaScript, Node and the package's public names: declared here, defined in globals.ts. */
export const CELL_GLOBALS = `
/** An output that can be drawn again in its place. */
interface DisplayHandle {
  readonly id: string;
  /** Replaces what is shown, wherever it is shown. */
  update(value: unknown): void;
}
/**
 * Shows a value below the cell now: anything with a View, an object with a \`Symbol.for('Jupyter.display')\` method, or a
 * bundle of MIME types (\`{ 'text/html': '<b>…</b>', 'text/plain': '…' }\`).
 */
declare function display(value: unknown, options?: { id?: string }): DisplayHandle;
/** Empties the cell's output; with \`wait\`, when the next output comes. */
declare function clearOutput(wait?: boolean): void;
/** Aborted when the running cell is interrupted; waits for the card end by it unasked. */
declare const signal: AbortSignal;
`;

/** The parameters of a cell's function: compiler and guard.ts write them, session.ts gives them. */
export const PARAMETERS = ['exports', 'require', '__import', '__stop', '__cell', '__running', '__interrupted'].join(
  ', ',
);
