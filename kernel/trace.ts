/** What a failed cell shows: the checker's complaints with the lines they mean, a thrown error with exact cell lines. */
import { SourceMap } from 'node:module';
import { inspect } from 'node:util';
import type { CellError, Diagnostic } from './threads.js';

/** Thrown into a cell to stop it. */
export class KeyboardInterrupt extends Error {
  override name = 'KeyboardInterrupt';

  constructor() {
    super('the cell was interrupted');
  }
}

/** The type checker refused the cell; nothing of it ran. */
export class TypeErrors extends Error {
  override name = 'TypeScriptError';
  readonly traceback: readonly string[];

  constructor(diagnostics: readonly Diagnostic[], code: string, cell: string) {
    super(diagnostics[0]?.message ?? 'the cell does not compile');
    this.traceback = diagnostics.flatMap((each) => complaint(each, code.split('\n'), cell));
  }
}

/** `In[3]:2:7 - error TS2551: Property …`, the line, and what it means underlined. */
function complaint(from: Diagnostic, lines: readonly string[], cell: string): string[] {
  const head = `${from.file ?? cell}:${from.line}:${from.column} - error TS${from.code}: ${from.message}`;
  const line = lines[from.line - 1];
  if (from.file !== undefined || line === undefined) return [head];
  const end = from.endLine === from.line ? from.endColumn : line.length + 1;
  const number = `${from.line} `;
  const mark = `${' '.repeat(number.length + from.column - 1)}${'~'.repeat(Math.max(1, end - from.column))}`;
  return [head, '', `${number}${line}`, mark, ''];
}

type Place = readonly [line: number, column: number];

/** Where the lines of the cells' JavaScript come from. */
export class Traces {
  readonly #maps = new Map<string, readonly (string | SourceMap)[]>();

  /** @param maps source maps as JSON, the last step first. */
  add(cell: string, maps: readonly string[]): void {
    this.#maps.set(cell, maps);
  }

  describe(thrown: unknown): CellError {
    if (thrown instanceof TypeErrors) {
      return { ename: thrown.name, evalue: thrown.message, traceback: thrown.traceback };
    }
    if (!isError(thrown)) {
      const evalue = inspect(thrown);
      return { ename: 'Thrown', evalue, traceback: [`Thrown: ${evalue}`] };
    }
    const seen = new Set<unknown>();
    const traceback: string[] = [];
    for (let at: unknown = thrown; at !== undefined && !seen.has(at); at = isError(at) ? at.cause : undefined) {
      const lead = seen.size > 0 ? 'caused by ' : '';
      seen.add(at);
      traceback.push(
        ...(isError(at) ? this.#lines(at) : [inspect(at)]).map((line, i) => (i === 0 ? lead + line : line)),
      );
      if (at instanceof AggregateError) {
        for (const each of at.errors) traceback.push(...this.describe(each).traceback.map((line) => `  ${line}`));
      }
    }
    return { ename: String(thrown.name), evalue: String(thrown.message), traceback };
  }

  /** The message, then the frames that are the user's. */
  #lines(error: Error): string[] {
    const head = `${error.name}: ${error.message}`;
    const frames = String(error.stack ?? '')
      .split('\n')
      .filter((line) => /^\s+at /.test(line))
      .map((line) => this.#mapped(line));
    // Below the cell's own first frame there is only the kernel.
    const last = frames.findLastIndex((line) => /In\[[^\]]+\]:\d/.test(line));
    const kept = last < 0 ? [] : frames.slice(0, last + 1);
    return [...head.split('\n'), ...kept.filter((line) => !ours(line))];
  }

  #mapped(frame: string): string {
    return frame
      .replace(/(In\[[^\]]+\]):(\d+):(\d+)/g, (whole, cell: string, line: string, column: string) => {
        const place = this.#original(cell, [Number(line), Number(column)]);
        return place ? `${cell}:${place[0]}:${place[1]}` : whole;
      })
      .replace(/at __cell_body \((.*)\)$/, 'at $1')
      .replace(/at async __cell_body \((.*)\)$/, 'at $1');
  }

  /** Lines and columns from 1. */
  #original(cell: string, place: Place): Place | undefined {
    const maps = this.#maps.get(cell)?.map((map) => (typeof map === 'string' ? new SourceMap(JSON.parse(map)) : map));
    if (!maps) return undefined;
    this.#maps.set(cell, maps);
    let [line, column] = [place[0] - 1, place[1] - 1];
    for (const map of maps) {
      const entry = map.findEntry(line, column);
      if (!('originalLine' in entry) || entry.originalLine === undefined) return undefined;
      [line, column] = [entry.originalLine, entry.originalColumn];
    }
    // tslab puts one line before the cell: `export {};`.
    return [line, column + 1];
  }
}

/** Frames that tell the user nothing: Node's and this package's. */
const PACKAGE = new URL('../../', import.meta.url);
function ours(frame: string): boolean {
  return /\bnode:/.test(frame) || frame.includes(`${PACKAGE.href}dist/`) || frame.includes(`${PACKAGE.pathname}dist/`);
}

/** Errors of other realms too. */
function isError(value: unknown): value is Error {
  return value instanceof Error || Object.prototype.toString.call(value) === '[object Error]';
}
