/** For the prompt's tests: a kernel whose answers the test writes, and a terminal that keeps its picture. */
// biome-ignore-all lint/suspicious/noControlCharactersInRegex: control characters are what this is about
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { WriteStream } from 'node:tty';
import { Dialogue } from '../repl/dialogue.js';
import { graphemes } from '../repl/editor.js';
import { History } from '../repl/history.js';
import { type Key, KeyDecoder } from '../repl/keys.js';
import { columns, lineText } from '../repl/line.js';
import { entryLines } from '../repl/transcript.js';
import type { Kernel } from '../repl/work.js';

type Execute = Kernel['execute'];
type OnOutput = Parameters<Execute>[1]['onOutput'];

/** A cell under way: the test gives its outputs and its end. */
export interface Asked {
  readonly code: string;
  readonly output: OnOutput;
  readonly end: (status?: 'ok' | 'error' | 'aborted') => void;
}

export class ScriptedKernel implements Kernel {
  readonly asked: Asked[] = [];
  readonly joined: string | undefined;
  count: number;
  /** What another front end does is told here. */
  other: Parameters<Kernel['follow']>[0] = () => {};
  interrupts = 0;
  shutdowns = 0;
  /** Code that is not complete. */
  incomplete = (code: string): boolean => code.split('{').length > code.split('}').length;
  completions: Awaited<ReturnType<Kernel['complete']>> = { matches: [], start: 0, end: 0 };
  /** What is asked about the call that a text ends in. */
  signatures = (_text: string): Awaited<ReturnType<Kernel['signature']>> => undefined;
  readonly died: Kernel['died'];
  die: (how: Awaited<Kernel['died']>) => void = () => {};
  readonly #broken: Promise<never>;

  constructor(joined?: string, count = 0) {
    this.joined = joined;
    this.count = count;
    this.died = new Promise((resolve) => {
      this.die = resolve;
    });
    this.#broken = this.died.then(() => {
      throw new Error('the kernel process has ended');
    });
    this.#broken.catch(() => {});
  }

  follow(other: ScriptedKernel['other']): void {
    this.other = other;
  }
  readonly answers: string[] = [];
  /** The running cell asks. */
  ask: NonNullable<Parameters<Execute>[1]['onQuestion']> = () => {};
  answer(value: string): void {
    this.answers.push(value);
  }
  execute(code: string, { onOutput, onBegin, onQuestion }: Parameters<Execute>[1]): ReturnType<Execute> {
    const count = ++this.count;
    onBegin?.(count);
    if (onQuestion) this.ask = onQuestion;
    const reply = new Promise<Awaited<ReturnType<Execute>>>((resolve) => {
      this.asked.push({ code, output: onOutput, end: (status = 'ok') => resolve({ status, count }) });
    });
    return Promise.race([reply, this.#broken]);
  }
  tellStatus: Parameters<Kernel['watchStatus']>[0] = () => {};
  refreshes = 0;
  silence: Parameters<Kernel['watchHeart']>[0] = () => {};
  watchHeart(listener: Parameters<Kernel['watchHeart']>[0]): void {
    this.silence = listener;
  }
  watchStatus(listener: Parameters<Kernel['watchStatus']>[0]): void {
    this.tellStatus = listener;
  }
  refreshStatus(): void {
    this.refreshes++;
  }
  async complete() {
    return this.completions;
  }
  async signature(text: string, cursor: number): ReturnType<Kernel['signature']> {
    return this.signatures(text.slice(0, cursor));
  }
  async isComplete(code: string) {
    return this.incomplete(code)
      ? { status: 'incomplete' as const, indent: '  ' }
      : { status: 'complete' as const, indent: '' };
  }
  async interrupt() {
    this.interrupts++;
    this.asked.at(-1)?.end('error');
  }
  async leave() {
    if (this.joined !== undefined) this.die({ code: 0, signal: null, words: '' });
    else await this.shutdown();
  }
  async shutdown() {
    this.shutdowns++;
    this.die({ code: 0, signal: null, words: '' });
  }
}

/** Lets everything that is due happen. */
export const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

/** Waits until `check` passes: what is drawn comes a moment after what it shows. */
export async function eventually(check: () => void): Promise<void> {
  const end = Date.now() + 20_000;
  for (;;) {
    try {
      check();
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
    }
    await settled();
  }
}

export interface Talk {
  readonly dialogue: Dialogue;
  /** The kernels that were started, oldest first. */
  readonly kernels: ScriptedKernel[];
  /** The transcript's lines. */
  readonly said: string[];
  /** Types what a terminal would send. */
  readonly type: (bytes: string) => Promise<void>;
}

/** A dialogue with scripted kernels. `begin` makes them, in case they are to be slow or to fail. */
export function talk(
  file: string,
  begin: (kernel: ScriptedKernel, signal: AbortSignal) => Promise<Kernel> = async (kernel) => kernel,
): Talk {
  const kernels: ScriptedKernel[] = [];
  const start = (signal: AbortSignal): Promise<Kernel> => {
    const kernel = new ScriptedKernel();
    kernels.push(kernel);
    return begin(kernel, signal);
  };
  const dialogue = new Dialogue({
    start,
    prelude: ["const dev = open('sim:edu')"],
    history: new History(file),
    origin: { device: 'sim:edu', id: '1234:11e8' },
    editText: async (text) => text.toUpperCase(),
  });
  const said: string[] = [];
  dialogue.listen((entries) => {
    for (const entry of entries) said.push(...entryLines(entry, 80).map((line) => lineText(line).trimEnd()));
  });
  const decoder = new KeyDecoder();
  const type = async (bytes: string): Promise<void> => {
    for (const key of decoder.push(bytes) as Key[]) dialogue.press(key);
    await settled();
  };
  return { dialogue, kernels, said, type };
}

/** Starts it. @returns its kernel, whose first cell has run */
export async function begun({ dialogue, kernels }: Talk): Promise<ScriptedKernel> {
  dialogue.start();
  await settled();
  const [kernel] = kernels;
  assert.ok(kernel);
  kernel.asked[0]?.end();
  await settled();
  return kernel;
}

/** As much of a terminal as a prompt writes to: text, line ends, cursor motion, erasing, scrolling. Anything else is an error. */
export class Picture extends EventEmitter {
  readonly isTTY = true;
  readonly writable = true;
  readonly columns: number;
  readonly rows: number;
  /** What scrolled out at the top, then the screen. */
  #lines: string[][] = [[]];
  #top = 0;
  x = 0;
  y = 0;

  constructor(columns: number, rows: number) {
    super();
    this.columns = columns;
    this.rows = rows;
  }

  /** Everything written so far, trailing blanks and blank lines left out. */
  get text(): string[] {
    const lines = this.#lines.map((line) =>
      Array.from(line, (cell) => cell ?? ' ')
        .join('')
        .trimEnd(),
    );
    while (lines.at(-1) === '') lines.pop();
    return lines;
  }

  /** Lines that have left the screen at its top. */
  get scrolled(): number {
    return this.#top;
  }

  getColorDepth(): number {
    return 1;
  }

  write(chunk: string, done?: () => void): boolean {
    const parts = chunk.match(/\x1b\[[?\d;]*[A-Za-z]|\r|\n|[^\x1b\r\n]+|\x1b/g) ?? [];
    for (const part of parts) this.#put(part);
    done?.();
    return true;
  }

  #put(part: string): void {
    if (part === '\r') this.x = 0;
    else if (part === '\n') {
      this.x = 0;
      this.#down();
    } else if (part.startsWith('\x1b')) this.#control(part);
    else for (const grapheme of graphemes(part)) this.#cell(grapheme);
  }

  #cell(grapheme: string): void {
    const wide = columns(grapheme);
    if (this.x + wide > this.columns) {
      this.x = 0;
      this.#down();
    }
    const line = this.#line();
    line[this.x] = grapheme;
    for (let more = 1; more < wide; more++) line[this.x + more] = '';
    this.x += wide;
  }

  #down(): void {
    if (this.y === this.rows - 1) this.#top++;
    else this.y++;
    this.#line();
  }

  #line(): string[] {
    while (this.#lines.length <= this.#top + this.y) this.#lines.push([]);
    return this.#lines[this.#top + this.y] as string[];
  }

  #control(sequence: string): void {
    const [, parameter = '', final = ''] = /^\x1b\[([?\d;]*)([A-Za-z])$/.exec(sequence) ?? [];
    const count = Math.max(1, Number(parameter || 1));
    switch (final) {
      case 'A':
        this.y = Math.max(0, this.y - count);
        break;
      case 'B':
        this.y = Math.min(this.rows - 1, this.y + count);
        break;
      case 'C':
        this.x = Math.min(this.columns - 1, this.x + count);
        break;
      case 'G':
        this.x = count - 1;
        break;
      case 'H':
        this.x = 0;
        this.y = 0;
        break;
      case 'K':
        if (parameter === '2') this.#line().length = 0;
        else this.#line().length = Math.min(this.#line().length, this.x);
        break;
      case 'J':
        if (parameter === '2') for (let y = 0; y < this.rows; y++) (this.#lines[this.#top + y] ?? []).length = 0;
        else {
          this.#line().length = Math.min(this.#line().length, this.x);
          this.#lines.length = this.#top + this.y + 1;
        }
        break;
      case 'h':
      case 'l':
      case 'm':
        break;
      default:
        throw new Error(`not a terminal for ${JSON.stringify(sequence)}`);
    }
    for (const line of this.#lines) for (let x = 0; x < line.length; x++) line[x] ??= ' ';
  }
}

/** The same, where a stream of the terminal's is asked for. */
export const asStream = (picture: Picture): WriteStream => picture as unknown as WriteStream;
