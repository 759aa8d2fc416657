/** The stage: the terminal while the prompt has it, and who draws on it. It can be lent, to the shell or to the user's editor. */
import type { ReadStream, WriteStream } from 'node:tty';
import { wantsColours } from './ansi.js';
import type { Dialogue } from './dialogue.js';
import type { Key } from './keys.js';
import { type Painting, sketch } from './sketch.js';
import { type Terminal, takeTerminal } from './terminal.js';

/** Milliseconds until a process that was sent SIGTSTP has stopped. */
const STOPS_WITHIN = 50;

export class Stage {
  readonly #dialogue: Dialogue;
  readonly #stdin: ReadStream;
  readonly #stdout: WriteStream;
  readonly #colours: boolean;
  #paint: () => Painting;
  #terminal: Terminal;
  #painting: Painting | undefined;

  /** Takes the terminal and draws on it, in plain writes until `takeInk()`. */
  constructor(dialogue: Dialogue, stdin: ReadStream, stdout: WriteStream) {
    this.#dialogue = dialogue;
    this.#stdin = stdin;
    this.#stdout = stdout;
    this.#colours = wantsColours(stdout);
    this.#paint = () => sketch(dialogue, stdout, this.#colours);
    this.#terminal = this.#take();
    this.#painting = this.#paint();
  }

  #take(): Terminal {
    const leave = () => this.#dialogue.leave();
    return takeTerminal(this.#stdin, this.#stdout, (key) => this.#press(key), leave);
  }

  #press(key: Key): void {
    if (key.name === 'C-l') this.#painting?.clear();
    else if (key.name === 'C-z') this.#suspend();
    else this.#dialogue.press(key);
  }

  async takeInk(): Promise<void> {
    const { paintWithInk } = await import('./screen.js');
    this.#paint = () => paintWithInk(this.#dialogue, this.#stdin, this.#stdout, this.#colours);
    if (!this.#painting) return;
    this.#painting.end();
    this.#painting = this.#paint();
  }

  /** Whether the terminal is somebody else's. */
  get lent(): boolean {
    return this.#painting === undefined;
  }

  /** The terminal is somebody else's while `borrow` runs. */
  async lend<T>(borrow: () => Promise<T>): Promise<T> {
    this.end();
    try {
      return await borrow();
    } finally {
      this.#back();
    }
  }

  #back(): void {
    this.#terminal = this.#take();
    this.#painting = this.#paint();
  }

  /** Ctrl-Z: the shell has the terminal until it goes on with us. The kernel, in a session of its own, goes on all the time. */
  #suspend(): void {
    this.end();
    process.kill(0, 'SIGTSTP');
    // Due when the process is continued; or soon, where no shell controls jobs and nothing was stopped.
    setTimeout(() => this.#back(), STOPS_WITHIN);
  }

  /** Gives the terminal back as it was; the transcript stays on it. */
  end(): void {
    this.#painting?.end();
    this.#painting = undefined;
    this.#terminal.release();
  }
}
