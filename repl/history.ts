/**
 * History: the cells that were typed, oldest first, in a JSON-lines file of the user's (XDG state folder). Each addition is one append,
 * so that two prompts may share the file. A folder that cannot be written costs persistence, never the prompt.
 */
import { appendFileSync, closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { makeFolders } from '../lib/folders.js';

/** Of a longer file only the end is read. */
const READ_AT_MOST = 1 << 20;

/** `$XDG_STATE_HOME/vfiolab/history`. Ref: XDG Base Directory Specification 0.8: relative paths are ignored. */
export function historyFile(env: NodeJS.ProcessEnv = process.env): string {
  const state = env.XDG_STATE_HOME;
  return join(state && isAbsolute(state) ? state : join(homedir(), '.local', 'state'), 'vfiolab', 'history');
}

function readEnd(file: string): string {
  let fd: number | undefined;
  try {
    fd = openSync(file, 'r');
    const { size } = fstatSync(fd);
    const bytes = Buffer.alloc(Math.min(size, READ_AT_MOST));
    const length = readSync(fd, bytes, 0, bytes.length, size - bytes.length);
    const text = bytes.toString('utf8', 0, length);
    return size > READ_AT_MOST ? text.slice(text.indexOf('\n') + 1) : text;
  } catch {
    return '';
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** The cells in a history file's text, each once, at its latest place; lines that are not ours are passed over. */
export function parseHistory(text: string): string[] {
  const cells = new Set<string>();
  for (const line of text.split('\n')) {
    if (line === '') continue;
    let code: unknown;
    try {
      code = (JSON.parse(line) as { code?: unknown } | null)?.code;
    } catch {
      continue;
    }
    if (typeof code !== 'string' || code === '') continue;
    cells.delete(code);
    cells.add(code);
  }
  return [...cells];
}

export class History {
  readonly #file: string;
  #cells: string[] | undefined;

  constructor(file: string = historyFile()) {
    this.#file = file;
  }

  /** Oldest first. The file is read at first use. */
  get cells(): readonly string[] {
    this.#cells ??= parseHistory(readEnd(this.#file));
    return this.#cells;
  }

  /** Remembers a cell; returns why it could not be written to the file, where it could not. */
  add(code: string): string | undefined {
    if (this.cells.at(-1) === code) return undefined;
    this.#cells = [...this.cells.filter((cell) => cell !== code), code];
    try {
      makeFolders(dirname(this.#file), 0o700);
      appendFileSync(this.#file, `${JSON.stringify({ code })}\n`, { mode: 0o600 });
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
}

/** A walk through the history: where it stands, and what was typed before it began. */
export interface Walk {
  readonly cells: readonly string[];
  readonly index: number;
  readonly draft: string;
}

/** One step older (-1) or newer (1) among the cells that begin with the draft; undefined where there is none. */
export function step(walk: Walk, by: -1 | 1): Walk | undefined {
  for (let index = walk.index + by; index >= 0 && index <= walk.cells.length; index += by) {
    const cell = walk.cells[index];
    if (cell === undefined ? by > 0 : cell.startsWith(walk.draft)) return { ...walk, index };
  }
  return undefined;
}

/** What a walk shows: a cell of the history, or the draft at its end. */
export const shown = (walk: Walk): string => walk.cells[walk.index] ?? walk.draft;

/** What the newest cell that begins with `text` adds to it; nothing for an empty text. */
export function suggest(cells: readonly string[], text: string): string {
  if (text === '') return '';
  for (let index = cells.length - 1; index >= 0; index--) {
    const cell = cells[index] as string;
    if (cell.length > text.length && cell.startsWith(text)) return cell.slice(text.length);
  }
  return '';
}
