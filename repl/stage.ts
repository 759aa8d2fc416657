/** The stage: the terminal while the prompt has it, and who draws on it. It can be lent, to the shell or to the user's editor. */
import type { ReadStream, WriteStream } from 'node:tty';
import type { Hold } from './caretaker.js';
import type { Dialogue } from './dialogue.js';
import type { Key } from './keys.js';
import { type Colours, coloursOf } from './palette.js';
import { type Painting, sketch } from './painting.js';
import { type Terminal, takeTerminal } from './terminal.js';

/** xterm's other screen, cleared; and back. Ref: xterm "Control Sequences", DECSET 1049. */
const OTHER_SCREEN = '\x1b[?1049h\x1b[H';
const OWN_SCREEN = '\x1b[?1049l';

/** Milliseconds until a process that was sent SIGTSTP has stopped. */
const STOPS_WITHIN = 50;

export class Stage {
  readonly #dialogue: Dialogue;
  readonly #stdin: ReadStream;
  readonly #stdout: WriteStream;
  readonly #colours: Colours;
  readonly #onHold: (hold: Hold) => void;
  #paint: () => Painting;
  #terminal: Terminal;
  #painting: Painting | undefined;
  /** What has the whole screen has it on the terminal's other screen, so that the transcript stays on its own. */
  #other = false;

  /** Takes the terminal and draws on it, in plain writes until `takeInk()`. `onHold` hears what it has of the terminal. */
  constructor(dialogue: Dialogue, stdin: ReadStream, stdout: WriteStream, onHold: (hold: Hold) => void = () => {}) {
    this.#onHold = onHold;
    this.#dialogue = dialogue;
    this.#stdin = stdin;
    this.#stdout = stdout;
    this.#colours = coloursOf(stdout);
    this.#paint = () => sketch(dialogue, stdout, this.#colours);
    this.#terminal = this.#take();
    this.#draw();
    dialogue.watch(() => {
      if (!this.#painting || this.#other === (dialogue.scene.full !== undefined)) return;
      this.#undraw();
      this.#draw();
    });
  }

  #draw(): void {
    this.#show(this.#dialogue.scene.full !== undefined);
    this.#painting = this.#paint();
  }

  #undraw(): void {
    this.#painting?.end();
    this.#painting = undefined;
  }

  #show(other: boolean): void {
    if (other === this.#other) return;
    this.#stdout.write(other ? OTHER_SCREEN : OWN_SCREEN);
    this.#other = other;
    this.#onHold(other ? 'other' : 'taken');
  }

  #take(): Terminal {
    const leave = () => this.#dialogue.leave();
    const terminal = takeTerminal(this.#stdin, this.#stdout, (key) => this.#press(key), leave);
    this.#onHold('taken');
    return terminal;
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
    this.#undraw();
    this.#draw();
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
    this.#draw();
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
    this.#undraw();
    this.#show(false);
    this.#terminal.release();
    this.#onHold('given');
  }
}
