/** A real terminal for tests: tmux, with a server, a session and a size of its own. */
import { execFileSync, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** For a loaded machine, in milliseconds. */
const WITHIN = 60_000;
/** How often it is looked whether anything was written, and how long nothing written may mean nothing new: parts of `within`. */
const LOOK = 1 / 1500;
const STILL = 1 / 150;

export interface TmuxOptions {
  readonly columns: number;
  readonly rows?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** What programs are told that it is: TERM. Default 'screen', of 16 colours. */
  readonly term?: string;
  /** How long `until` waits, in milliseconds. */
  readonly within?: number;
}

export class Tmux {
  readonly #socket = `vfiolab-test-${randomUUID().slice(0, 8)}`;

  readonly #within: number;
  /** What the program writes, byte for byte: a cheap sign of something new on the screen, which changes before. */
  #written: string;

  /** Runs a shell command in a new terminal. */
  constructor(command: string, { columns, rows = 24, env = {}, within = WITHIN, term = 'screen' }: TmuxOptions) {
    this.#within = within;
    this.#written = join(tmpdir(), this.#socket);
    const variables = Object.entries(env).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
    const scrollback = [
      'set-option',
      '-g',
      'history-limit',
      '20000',
      ';',
      'set-option',
      '-g',
      'default-terminal',
      term,
      ';',
    ];
    this.#run(
      '-f',
      '/dev/null',
      'start-server',
      ';',
      ...scrollback,
      'new-session',
      '-d',
      '-x',
      `${columns}`,
      '-y',
      `${rows}`,
      ...variables,
      command,
      ';',
      ...this.#piped(this.#written),
    );
  }

  #run(...words: string[]): string {
    return execFileSync('tmux', ['-L', this.#socket, ...words], {
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'ignore'],
    });
  }

  /** Keys by tmux's names: 'Enter', 'C-c', 'Up', 'Tab'. */
  keys(...names: string[]): void {
    this.#run('send-keys', ...names);
  }

  type(text: string): void {
    this.#run('send-keys', '-l', '--', text.replace(/;$/, '\\;'));
  }

  /** Types a line and presses Enter, in one burst. */
  enter(line: string): void {
    this.type(`${line}\r`);
  }

  /** A paste, bracketed where the program asked for that. */
  paste(text: string): void {
    execFileSync('tmux', ['-L', this.#socket, 'load-buffer', '-'], { input: text });
    this.#run('paste-buffer', '-p', '-r');
  }

  resize(columns: number, rows: number): void {
    this.#run('resize-window', '-x', `${columns}`, '-y', `${rows}`);
  }

  /** Of that size, and the program has been told. */
  async resized(columns: number, rows: number): Promise<void> {
    this.resize(columns, rows);
    await this.#seen(() => `${this.told()}` === `${[columns, rows]}`, `${columns} columns and ${rows} rows`);
  }

  /** Ctrl-L, and what has scrolled out is forgotten: all that there is then is the line that is being typed, and what comes. */
  async clear(line: RegExp): Promise<void> {
    this.keys('C-l');
    await this.#seen(() => line.test(this.screen()[0] ?? ''), `${line} at the top`);
    this.#run('clear-history');
  }

  #piped(file: string): string[] {
    writeFileSync(file, '');
    return ['pipe-pane', `exec cat >> '${file}'`];
  }

  /** From now on what the program writes goes to a file, byte for byte. */
  record(file: string): void {
    rmSync(this.#written, { force: true });
    this.#written = file;
    this.#run(...this.#piped(file));
  }

  /** The processes in it whose command line has `words`, by their pids; parents first. */
  processes(words: string): number[] {
    const below = (pid: number): number[] => {
      try {
        const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
        return children.map(Number).flatMap((child) => [child, ...below(child)]);
      } catch {
        return []; // it has ended
      }
    };
    const shell = Number(this.#run('display-message', '-p', '#{pane_pid}'));
    return [shell, ...below(shell)].filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').includes(words);
      } catch {
        return false;
      }
    });
  }

  /** The size that the program has been told: tmux tells it a moment after it has wrapped the lines. */
  told(): [columns: number, rows: number] {
    const tty = this.#run('display-message', '-p', '#{pane_tty}').trim();
    const [rows, columns] = execFileSync('stty', ['-F', tty, 'size'], { encoding: 'utf8' }).split(' ').map(Number);
    return [columns ?? 0, rows ?? 0];
  }

  /** Everything on the screen and above it; lines that the terminal wrapped are whole. */
  text({ colours = false } = {}): string {
    const all = this.#run('capture-pane', '-p', '-J', '-S', '-20000', ...(colours ? ['-e'] : []));
    return all.replace(/ +$/gm, '').replace(/\n+$/, '');
  }

  /** The lines that are visible now. */
  screen(): string[] {
    return this.#run('capture-pane', '-p').replace(/ +$/gm, '').replace(/\n+$/, '').split('\n');
  }

  /** Column and line of the cursor. */
  cursor(): [x: number, y: number] {
    const [x, y] = this.#run('display-message', '-p', '#{cursor_x} #{cursor_y}').trim().split(' ').map(Number);
    return [x ?? -1, y ?? -1];
  }

  /** Waits until the text fits `wanted`; the text. @throws Error with the screen when it never does. */
  async until(wanted: RegExp, options: { readonly colours?: boolean } = {}): Promise<string> {
    let text = '';
    const fits = (): boolean => {
      text = this.text(options);
      return wanted.test(text);
    };
    await this.#seen(fits, String(wanted));
    return text;
  }

  async #seen(check: () => boolean, what: string): Promise<void> {
    const end = Date.now() + this.#within;
    for (;;) {
      const written = statSync(this.#written).size;
      if (check()) return;
      if (Date.now() > end) throw new Error(`${what} is not on the terminal:\n${this.text()}`);
      const still = Date.now() + STILL * this.#within;
      do await delay(LOOK * this.#within);
      while (statSync(this.#written).size === written && Date.now() < still);
    }
  }

  /** Closes the terminal: what runs in it gets SIGHUP. */
  close(): void {
    spawnSync('tmux', ['-L', this.#socket, 'kill-server'], { stdio: 'ignore' });
    rmSync(this.#written, { force: true });
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Waits until `number` is a prompt's next cell and nothing runs or waits (its number is dim till then); the text. */
export async function idle(terminal: Tmux, number: number): Promise<string> {
  const ready = new RegExp(`\\x1b\\[34m(?:\\x1b\\[\\d*m)*${number}> *(?:\\x1b\\[[\\d;]*m)*$`, 'm');
  await terminal.until(ready, { colours: true });
  return terminal.text();
}
