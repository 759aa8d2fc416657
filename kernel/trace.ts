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

/** So many cells' lines are known; a function of an older cell is still named with its cell, its line is that of the JavaScript. */
const REMEMBERED = 1000;

type Place = readonly [line: number, column: number];

/** Where the lines of the cells' JavaScript come from. */
export class Traces {
  readonly #maps = new Map<string, readonly (string | SourceMap)[]>();

  /** @param maps source maps as JSON, the last step first. */
  add(cell: string, maps: readonly string[]): void {
    this.#maps.delete(cell);
    this.#maps.set(cell, maps);
    if (this.#maps.size > REMEMBERED) this.#maps.delete(this.#maps.keys().next().value ?? '');
  }

  /** From now on every `error.stack` tells the lines of the cells, and nothing of the kernel below them. */
  install(): void {
    Error.prepareStackTrace = (error, sites) => {
      const frames = sites.map((site) => this.#mapped(`    at ${site}`));
      return [headline(error), ...usersOwn(frames)].join('\n');
    };
  }

  /** Never throws, whatever was thrown. */
  describe(thrown: unknown): CellError {
    try {
      return this.#describe(thrown);
    } catch {
      return { ename: 'Thrown', evalue: 'something that cannot be shown', traceback: [] };
    }
  }

  #describe(failed: unknown): CellError {
    const thrown = interruption(failed) ?? failed;
    if (thrown instanceof TypeErrors) {
      return { ename: thrown.name, evalue: thrown.message, traceback: thrown.traceback };
    }
    if (!isError(thrown)) {
      const evalue = inspect(thrown);
      return { ename: 'Thrown', evalue, traceback: [`Thrown: ${evalue}`] };
    }
    const seen = new Set<unknown>();
    const traceback: string[] = [];
    for (
      let at: unknown = thrown;
      at !== undefined && !seen.has(at);
      at = isError(at) ? (at.cause ?? undefined) : undefined
    ) {
      const lead = seen.size > 0 ? 'caused by ' : '';
      seen.add(at);
      traceback.push(...(isError(at) ? lines(at) : [inspect(at)]).map((line, i) => (i === 0 ? lead + line : line)));
      if (at instanceof AggregateError) {
        for (const each of at.errors) traceback.push(...this.describe(each).traceback.map((line) => `  ${line}`));
      }
    }
    return { ename: String(thrown.name), evalue: String(thrown.message), traceback };
  }

  #mapped(frame: string): string {
    return this.#inFiles(frame)
      .replace(/(In\[[^\]]+\]):(\d+):(\d+)/g, (whole, cell: string, line: string, column: string) => {
        const place = this.#original(cell, [Number(line), Number(column)]);
        return place ? `${cell}:${place[0]}:${place[1]}` : whole;
      })
      .replace(/at __cell_body \((.*)\)$/, 'at $1')
      .replace(/at async __cell_body \((.*)\)$/, 'at $1');
  }

  /** A frame in a file of the user's own: the file as it was written. */
  #inFiles(frame: string): string {
    return frame.replace(/(\/[^:()]+\.js):(\d+):(\d+)/, (whole, file: string, line: string, column: string) => {
      const place = this.#maps.has(file) ? this.#original(file, [Number(line), Number(column)]) : undefined;
      return place ? `${file.replace(/\.js$/, '.ts')}:${place[0] + 1}:${place[1]}` : whole;
    });
  }

  /** A place in what the first step made of a cell, as a stack line tells it. */
  written(cell: string, place: Place): string {
    const [line, column] = this.#original(cell, place, 1) ?? place;
    return `${cell}:${line}:${column}`;
  }

  /** Lines and columns from 1. @param from the step whose text the place is in, the last one first */
  #original(cell: string, place: Place, from = 0): Place | undefined {
    const maps = this.#maps.get(cell)?.map((map) => (typeof map === 'string' ? new SourceMap(JSON.parse(map)) : map));
    if (!maps) return undefined;
    this.#maps.set(cell, maps);
    let [line, column] = [place[0] - 1, place[1] - 1];
    for (const map of maps.slice(from)) {
      const entry = map.findEntry(line, column);
      if (!('originalLine' in entry) || entry.originalLine === undefined) return undefined;
      [line, column] = [entry.originalLine, entry.originalColumn];
    }
    // tslab puts one line before the cell: `export {};`.
    return [line, column + 1];
  }
}

function headline(error: Error): string {
  return `${error.name}: ${error.message}`;
}

/** The message as it is now, then the frames that are the user's: none where no cell is among them. */
function lines(error: Error): string[] {
  const frames = String(error.stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line));
  const head = headline(error).split('\n');
  // A message may say where, too.
  return [...head, ...(frames.some(inCell) ? usersOwn(frames) : []).filter((frame) => !head.includes(frame))];
}

const inCell = (frame: string): boolean => /In\[[^\]]+\]:\d/.test(frame);

/** Below the first frame of a cell there is only the kernel. Without any cell in it a stack is left whole. */
function usersOwn(frames: readonly string[]): readonly string[] {
  const last = frames.findLastIndex(inCell);
  return last < 0 ? frames : frames.slice(0, last + 1).filter((frame) => !ours(frame));
}

/** Frames that tell the user nothing: Node's and this package's. */
const PACKAGE = new URL('../../', import.meta.url);
function ours(frame: string): boolean {
  return /\bnode:/.test(frame) || frame.includes(`${PACKAGE.href}dist/`) || frame.includes(`${PACKAGE.pathname}dist/`);
}

/** What an aborted wait, a fetch or a command fails with has the interrupt as its cause. */
function interruption(thrown: unknown): KeyboardInterrupt | undefined {
  for (let at = thrown, depth = 0; isError(at) && depth < 5; at = at.cause, depth++) {
    if (at instanceof KeyboardInterrupt) return at;
  }
  return undefined;
}

/** Errors of other realms too. */
function isError(value: unknown): value is Error {
  return value instanceof Error || Object.prototype.toString.call(value) === '[object Error]';
}
