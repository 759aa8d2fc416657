/**
 * history_request: the cells of this session and of those before it. A session is a file of JSON lines in the user's XDG state folder,
 * made with its first cell and named by its number: each kernel writes its own, so that several never meet. Where it cannot be written
 * the kernel says so on its log, and knows this session alone.
 *
 * Ref: jupyter-client, "Messaging in Jupyter", History; XDG Base Directory Specification 0.8
 */
import { appendFile, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { makeFolders } from '../lib/folders.js';
import { log } from './log.js';
import type { Json } from './wire.js';

/** What is kept: the newest sessions, so many and so many bytes of them; of a session so many bytes; the beginning of a result. */
export const KEPT = { sessions: 500, bytes: 1 << 24, session: 1 << 22, output: 2000 } as const;
/** A cell is written with its result, and not while the front end waits for it: milliseconds. */
const LULL = 100;
/** So many cells of this session are known without its file. */
const REMEMBERED = 1000;

interface Cell {
  readonly n: number;
  readonly code: string;
  /** Its result as text, where it had one. */
  readonly output: string | null;
}

/** `$XDG_STATE_HOME/vfiolab/sessions`; relative paths are ignored. */
export function sessionsFolder(env: NodeJS.ProcessEnv = process.env): string {
  const state = env.XDG_STATE_HOME;
  return path.join(state && path.isAbsolute(state) ? state : path.join(homedir(), '.local/state'), 'vfiolab/sessions');
}

export class History {
  readonly #folder: string | undefined;
  /** The last ones of this session, by their numbers. */
  readonly #cells = new Map<number, Cell>();
  /** This session's number, once it has a file. */
  #session: number | undefined;
  #bytes = 0;
  #waiting = '';
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  /** The last write may have ended within a line. */
  #torn = false;
  #told = '';

  /** @param folder where sessions are kept; without one none is */
  constructor(folder: string | undefined) {
    this.#folder = folder;
  }

  add(n: number, code: string): void {
    this.#cells.set(n, { n, code, output: null });
    if (this.#cells.size > REMEMBERED) this.#cells.delete(this.#cells.keys().next().value ?? 0);
    this.#write({ n, code });
  }

  /** What a cell's last expression looks like. */
  result(n: number, text: unknown): void {
    const cell = this.#cells.get(n);
    if (!cell || typeof text !== 'string') return;
    const output = text.length > KEPT.output ? `${text.slice(0, KEPT.output)}…` : text;
    this.#cells.set(n, { ...cell, output });
    this.#write({ n, output });
  }

  /** All that was added is in the file, or will not be. */
  written(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writing.then(() => this.#append());
    return this.#writing;
  }

  /** The content of history_reply's `history`. */
  async find({ hist_access_type: type, output, ...content }: Json): Promise<unknown[]> {
    const show = (session: number, { n, code, output: result }: Cell): unknown[] => [
      session,
      n,
      output === true ? [code, result] : code,
    ];
    const current = await this.#current();
    if (type === 'range') {
      const session = Number(content.session ?? 0);
      const wanted = session > 0 ? session : current + session;
      return inRange(await this.#read(wanted, current), content).map((cell) => show(wanted, cell));
    }
    if (type !== 'tail' && type !== 'search') return [];
    const { n, pattern = '*', unique } = type === 'search' ? content : { n: content.n };
    const most = typeof n === 'number' ? n : Number.POSITIVE_INFINITY;
    // What was run here is what comes first, also where a later session is under way elsewhere.
    const sessions = new Set([current, ...(await this.#sessions()).reverse()]);
    const found: unknown[] = [];
    const seen = new Set<string>();
    for (const session of sessions) {
      for (const cell of (await this.#read(session, current)).reverse()) {
        if (found.length >= most) return found.reverse();
        if ((unique === true && seen.has(cell.code)) || !matches(String(pattern), cell.code)) continue;
        seen.add(cell.code);
        found.push(show(session, cell));
      }
    }
    return found.reverse();
  }

  async #current(): Promise<number> {
    return this.#session ?? ((await this.#sessions()).at(-1) ?? 0) + 1;
  }

  /** The numbers of those that have a file, the oldest first. */
  async #sessions(): Promise<number[]> {
    const names = this.#folder === undefined ? [] : await readdir(this.#folder).catch((): string[] => []);
    const numbers = names.flatMap((name) => /^(\d+)\.jsonl$/.exec(name)?.[1] ?? []).map(Number);
    return numbers.sort((a, b) => a - b);
  }

  #file(session: number): string {
    return path.join(this.#folder ?? '', `${session}.jsonl`);
  }

  async #read(session: number, current: number): Promise<Cell[]> {
    const kept = this.#folder !== undefined && (session !== current || this.#session !== undefined);
    const text = kept ? await readFile(this.#file(session), 'utf8').catch(() => '') : '';
    return [...new Map([...cells(text), ...(session === current ? this.#cells : [])]).values()];
  }

  #write(line: { readonly n: number; readonly code?: string; readonly output?: string }): void {
    if (this.#folder === undefined) return;
    this.#waiting += `${JSON.stringify(line)}\n`;
    this.#timer ??= setTimeout(() => void this.written(), LULL);
  }

  async #append(): Promise<void> {
    if (this.#waiting === '') return;
    const text = `${this.#torn ? '\n' : ''}${this.#waiting}`;
    this.#waiting = '';
    try {
      this.#session ??= await this.#claim();
      const bytes = Buffer.byteLength(text);
      if (this.#bytes + bytes > KEPT.session) throw new Error(`more than ${KEPT.session} bytes in one session`);
      this.#torn = true;
      await appendFile(this.#file(this.#session), text, { mode: 0o600 });
      this.#bytes += bytes;
      this.#torn = false;
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.#told) log(`the history is not kept: ${message}`);
      this.#told = message;
    }
  }

  /** Makes this session's file: the number after the last one, unless another kernel was first. */
  async #claim(): Promise<number> {
    makeFolders(this.#folder ?? '', 0o700);
    for (let session = await this.#current(); ; session++) {
      try {
        await writeFile(this.#file(session), '', { mode: 0o600, flag: 'wx' });
        await this.#prune();
        return session;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
  }

  async #prune(): Promise<void> {
    let [sessions, bytes] = [0, 0];
    for (const session of (await this.#sessions()).reverse()) {
      const file = this.#file(session);
      bytes += (await stat(file).catch(() => undefined))?.size ?? 0;
      if (++sessions > KEPT.sessions || bytes > KEPT.bytes) await rm(file, { force: true });
    }
  }
}

/** Those of a session's file; lines that are none, as a full disk leaves them, are passed over. */
function cells(text: string): Map<number, Cell> {
  const found = new Map<number, Cell>();
  for (const line of text.split('\n')) {
    let read: { n?: unknown; code?: unknown; output?: unknown } | null;
    try {
      read = JSON.parse(line);
    } catch {
      continue;
    }
    const { n, code, output } = read ?? {};
    if (typeof n !== 'number') continue;
    const known = found.get(n);
    if (typeof code === 'string') found.set(n, { n, code, output: null });
    else if (known && typeof output === 'string') found.set(n, { ...known, output });
  }
  return found;
}

/** `start` to before `stop`; negative ones count from the session's end. */
function inRange(cells: readonly Cell[], { start, stop }: Json): readonly Cell[] {
  const end = (cells.at(-1)?.n ?? 0) + 1;
  const place = (value: unknown, otherwise: number): number => {
    const at = Number(value ?? otherwise);
    return at < 0 ? at + end : at;
  };
  const [from, to] = [place(start, 1), place(stop, end)];
  return cells.filter(({ n }) => n >= from && n < to);
}

/** Whether a glob matches all of a text: `*` any characters, `?` one. Never slower than the product of their lengths. */
export function matches(glob: string, text: string): boolean {
  let [at, place] = [0, 0];
  let star = -1;
  let from = 0;
  while (at < text.length) {
    if (glob[place] === '*') {
      star = place++;
      from = at;
    } else if (glob[place] === '?' || glob[place] === text[at]) {
      place++;
      at++;
    } else if (star >= 0) {
      place = star + 1;
      at = ++from;
    } else {
      return false;
    }
  }
  while (glob[place] === '*') place++;
  return place === glob.length;
}
