/**
 * The dialogue: what the prompt knows and does, without a screen. Keys and the kernel's answers go in; a `Scene` to be drawn comes out.
 * Typing never waits: Enter puts the text in a line of cells, where it is judged (complete or not), then run, each in its turn.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Completion, KernelClient } from '../kernel/client.js';
import { choose, type Menu, offer } from './completion.js';
import { EMPTY, type Editor, edit, insert, withText } from './editor.js';
import { type History, shown, step, type Walk } from './history.js';
import { HELP } from './help.js';
import type { Key } from './keys.js';
import { KEPT, Outlet } from './outlet.js';
import { type Entry, finish, hear } from './transcript.js';

/** As much of a kernel as a prompt needs. */
export type Kernel = Pick<KernelClient, 'complete' | 'died' | 'execute' | 'interrupt' | 'isComplete' | 'shutdown'>;

export type KernelState = 'starting' | 'ready' | 'dead' | 'leaving';

/** A cell that was entered and has not begun to run. */
export interface Waiting {
  readonly text: string;
  /** It is known to be complete. */
  readonly complete: boolean;
}

export interface Running {
  readonly text: string;
  /** In ms since the epoch. */
  readonly since: number;
  /** When Ctrl-C was first pressed. */
  readonly interrupted: number | undefined;
}

/** What is to be seen. Never changed, only replaced. */
export interface Scene {
  /** The line of output that has begun and not ended. */
  readonly partial: string;
  readonly editor: Editor;
  readonly menu: Menu | undefined;
  readonly waiting: readonly Waiting[];
  readonly running: Running | undefined;
  readonly kernel: KernelState;
  /** The number of the cell that ran last. */
  readonly count: number;
}

export interface DialogueOptions {
  /** Starts a kernel process. Called again when the kernel has died and Enter is pressed. */
  readonly start: () => Promise<Kernel>;
  /** The first cell in every new kernel. */
  readonly prelude: string;
  readonly history: History;
}

/** How long an answer to "is this complete?" may take before the cell is run as it is. The compiler may still be loading. */
const JUDGE_WITHIN = 30_000;
/** How long after a broken request the news of the kernel's death may arrive. */
const DEATH_WITHIN = 500;
/** A cell that goes on this long after Ctrl-C can be ended with its kernel. */
export const STUBBORN_AFTER = 3000;

export class Dialogue {
  scene: Scene = {
    partial: '',
    editor: EMPTY,
    menu: undefined,
    waiting: [],
    running: undefined,
    kernel: 'starting',
    count: 0,
  };
  /** Settles when the prompt was left and the kernel is gone. */
  readonly left: Promise<void>;

  readonly #options: DialogueOptions;
  readonly #watchers = new Set<() => void>();
  readonly #listeners = new Set<(entries: readonly Entry[]) => void>();
  readonly #outlet = new Outlet((entries) => {
    for (const listener of this.#listeners) listener(entries);
  });
  /** The kernel that was started last, until it has died. */
  #kernel: Promise<Kernel> | undefined;
  /** The same, once it is up. */
  #client: Kernel | undefined;
  /** Whose judgement is being waited for. */
  #judging: Kernel | undefined;
  #walk: Walk | undefined;
  /** Keys that are not the editor's; Ctrl-D only on an empty line. */
  readonly #keys: Readonly<Record<string, () => void>> = {
    enter: () => (this.scene.kernel === 'dead' ? this.start() : this.#enter()),
    tab: () => this.#tab(),
    'C-c': () => this.#cancel(),
    'C-d': () => this.leave(),
  };
  /** Dot-commands steer the terminal; they are not part of the language. */
  readonly #commands: Readonly<Record<string, () => void>> = {
    '.exit': () => this.leave(),
    '.help': () => this.#show({ kind: 'view', view: HELP }),
  };
  #leave: () => void = () => {};

  constructor(options: DialogueOptions) {
    this.#options = options;
    this.left = new Promise((resolve) => {
      this.#leave = resolve;
    });
  }

  /** Calls `watcher` after every change of `scene`; returns what ends that. */
  readonly watch = (watcher: () => void): (() => void) => {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  };

  /** Calls `listener` with what is added to the transcript; returns what ends that. */
  readonly listen = (listener: (entries: readonly Entry[]) => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Adds to the transcript something that begins on a line of its own. */
  #show(entry: Entry): void {
    this.#finish();
    this.#say(entry);
  }

  #say(...entries: readonly Entry[]): void {
    this.#outlet.push(entries);
  }

  /** Ends a line of output that has begun, for what is said next to begin its own. */
  #finish(): void {
    const { partial } = this.scene;
    if (partial === '') return;
    this.#set({ partial: '' });
    this.#say(...finish(partial));
  }

  #set(change: Partial<Scene>): void {
    this.scene = { ...this.scene, ...change };
    for (const watcher of this.#watchers) watcher();
  }

  /** The prompt speaks. */
  note(text: string, bad = false): void {
    this.#show({ kind: 'note', text, bad });
  }

  /** Starts a kernel and its first cell. */
  start(): void {
    this.#set({ kernel: 'starting', count: 0, waiting: [{ text: this.#options.prelude, complete: true }] });
    const kernel = this.#options.start();
    this.#kernel = kernel;
    kernel.then(
      (client) => {
        if (this.#kernel !== kernel) return;
        void client.died.then(({ code, signal, words }) => {
          const how = `ended (${signal ?? `exit ${code}`}): its variables are lost, its card is closed.`;
          this.#lost(kernel, how, words);
        });
        if (this.scene.kernel !== 'starting') return;
        this.#client = client;
        this.#set({ kernel: 'ready' });
        void this.#judge(client);
        void this.#run(client);
      },
      (error: unknown) => this.#lost(kernel, `did not start: ${error instanceof Error ? error.message : error}.`),
    );
  }

  #lost(kernel: Promise<Kernel>, how: string, words = ''): void {
    if (this.#kernel !== kernel || this.scene.kernel === 'leaving') return;
    this.#kernel = undefined;
    this.#client = undefined;
    this.#set({ kernel: 'dead', running: undefined, waiting: [], menu: undefined });
    if (words !== '') this.#show({ kind: 'error', text: words });
    this.note(`The kernel ${how}`, true);
  }

  /** One key. */
  press(key: Key): void {
    if (this.scene.kernel === 'leaving') return;
    if (this.scene.menu && this.#pressInMenu(this.scene.menu, key)) return;
    const { editor } = this.scene;
    const own = key.name === 'C-d' && editor.text !== '' ? undefined : this.#keys[key.name];
    if (own) {
      own();
      return;
    }
    const next = edit(editor, key);
    if (next) {
      if (next.text !== editor.text) this.#walk = undefined;
      this.#set({ editor: next });
    } else if (key.name === 'up' || key.name === 'C-p') this.#recall(-1);
    else if (key.name === 'down' || key.name === 'C-n') this.#recall(1);
  }

  /** True where the key was the menu's. */
  #pressInMenu(menu: Menu, key: Key): boolean {
    switch (key.name) {
      case 'tab':
      case 'down':
        this.#set(choose(menu, 1));
        return true;
      case 'S-tab':
      case 'up':
        this.#set(choose(menu, -1));
        return true;
      case 'escape':
      case 'C-c':
        this.#set({ editor: menu.typed, menu: undefined });
        return true;
      case 'enter':
        this.#set({ menu: undefined });
        return menu.chosen >= 0;
      case 'text':
      case 'backspace': {
        this.#set({ menu: undefined });
        this.press(key);
        const { editor } = this.scene;
        if (
          menu.chosen < 0 &&
          editor.cursor >= menu.start &&
          /[\p{L}\p{N}_$]$/u.test(editor.text.slice(0, editor.cursor))
        )
          void this.#complete(editor, false);
        return true;
      }
      default:
        this.#set({ menu: undefined });
        return false;
    }
  }

  #tab(): void {
    const { editor } = this.scene;
    const line = editor.text.slice(editor.text.lastIndexOf('\n', editor.cursor - 1) + 1, editor.cursor);
    if (line.trim() === '') this.#set({ editor: insert(editor, '  ') });
    else void this.#complete(editor, true);
  }

  /** Asks for completions; an answer that comes after more was typed is dropped. */
  async #complete(editor: Editor, fill: boolean): Promise<void> {
    let found: Completion | undefined;
    try {
      found = await this.#client?.complete(editor.text, editor.cursor);
    } catch {
      return; // A kernel that died answers nothing; that it died is said elsewhere.
    }
    if (!found || this.scene.editor !== editor) return;
    const offered = offer(editor, found);
    this.#set(fill ? offered : { menu: offered.menu && { ...offered.menu, typed: editor, end: found.end } });
  }

  #recall(by: -1 | 1): void {
    const { editor } = this.scene;
    const { cells } = this.#options.history;
    const walk = step(this.#walk ?? { cells, index: cells.length, draft: editor.text }, by);
    if (!walk) return;
    this.#walk = walk;
    this.#set({ editor: withText(editor, shown(walk)) });
  }

  #enter(): void {
    const { editor, waiting } = this.scene;
    const text = editor.text.trimEnd();
    if (text.trim() === '') return;
    this.#walk = undefined;
    this.#set({ editor: withText(editor, '') });
    const name = /^\s*(\.[a-z]+)\s*$/i.exec(text)?.[1];
    if (name === undefined) {
      this.#set({ waiting: [...waiting, { text, complete: false }] });
      if (this.#client) void this.#judge(this.#client);
      return;
    }
    const command = this.#commands[name];
    if (command) command();
    else this.note(`No ${name} here; .help lists what there is.`, true);
  }

  /** Judges the waiting cells, oldest first: an incomplete one goes on in the next one, the last one in the editor again. */
  async #judge(kernel: Kernel): Promise<void> {
    if (this.#judging === kernel) return;
    this.#judging = kernel;
    for (;;) {
      const cell = this.scene.waiting.find(({ complete }) => !complete);
      if (!cell) break;
      const { status, indent } = await soon(kernel.isComplete(cell.text));
      if (this.#client !== kernel) return;
      const index = this.scene.waiting.indexOf(cell);
      if (index < 0) continue;
      const waiting = [...this.scene.waiting];
      if (status !== 'incomplete') {
        const refused = this.#options.history.add(cell.text);
        if (refused) this.#unsaved(refused);
        waiting[index] = { ...cell, complete: true };
        this.#set({ waiting });
        void this.#run(kernel);
        continue;
      }
      const [next] = waiting.splice(index, 2);
      const follower = this.scene.waiting[index + 1];
      if (next && follower) waiting.splice(index, 0, { text: `${next.text}\n${follower.text}`, complete: false });
      this.#set({ waiting });
      if (!follower) this.#takeBack(`${cell.text}\n${indent}`);
    }
    this.#judging = undefined;
  }

  #unsaved = (reason: string): void => {
    this.#unsaved = () => {};
    this.note(`The history is not kept: ${reason}`);
  };

  /** Puts `text` before what has been typed since. */
  #takeBack(text: string): void {
    const { editor } = this.scene;
    this.#set({ editor: withText(editor, text + editor.text, text.length + editor.cursor) });
  }

  /** Runs the waiting cells, one after the other, as long as they are known to be complete and end well. */
  async #run(kernel: Kernel): Promise<void> {
    for (;;) {
      const [cell, ...waiting] = this.scene.waiting;
      if (!cell?.complete || this.scene.running || this.#client !== kernel) return;
      const number = this.scene.count + 1;
      const running: Running = { text: cell.text, since: Date.now(), interrupted: undefined };
      this.#set({ waiting, running });
      this.#show({ kind: 'input', number, text: cell.text });
      let failed = false;
      let over = false;
      const fail = (): void => {
        // Stopped by Ctrl-C: that has dropped what waited then; what was typed since is meant.
        if (!failed && !over && this.scene.running?.interrupted === undefined) this.#drop();
        failed = true;
      };
      const onOutput: Parameters<Kernel['execute']>[1]['onOutput'] = (output) => {
        const { entries, partial } = hear(this.scene.partial, output);
        if (partial !== this.scene.partial) this.#set({ partial });
        this.#say(...entries);
        if (output.type === 'error') fail();
      };
      let count = number;
      try {
        const reply = await kernel.execute(cell.text, { onOutput });
        ({ count } = reply);
        if (reply.status !== 'ok') fail();
      } catch (error) {
        // Of a kernel that died the death is told, not what it broke.
        await Promise.race([kernel.died, delay(DEATH_WITHIN)]);
        if (this.#client !== kernel) return;
        this.note(error instanceof Error ? error.message : String(error), true);
        fail();
      }
      over = true;
      if (this.#client !== kernel) return;
      this.#finish();
      this.#set({ running: undefined, count });
    }
  }

  /** After a cell that failed the ones behind it are not run: they were typed for another state of the card. */
  #drop(): void {
    const { waiting } = this.scene;
    if (waiting.length === 0) return;
    this.#set({ waiting: [] });
    this.note(`Not run: ${waiting.map(({ text }) => text.split('\n', 1)[0]).join('; ')}`);
  }

  /** Ctrl-C: stops the cell that runs, else clears the line, else says how to leave. */
  #cancel(): void {
    const { editor, running, waiting, kernel } = this.scene;
    if (running) {
      const now = Date.now();
      if (running.interrupted !== undefined && now - running.interrupted > STUBBORN_AFTER) {
        void this.#client?.shutdown().catch(() => undefined);
        return;
      }
      this.#outlet.trim(KEPT);
      this.#drop();
      this.#set({ running: { ...running, interrupted: running.interrupted ?? now } });
      this.#client?.interrupt().catch(() => undefined);
    } else if (editor.text !== '') {
      this.#walk = undefined;
      this.#set({ editor: withText(editor, '') });
    } else if (waiting.some(({ text }) => text !== this.#options.prelude)) this.#drop();
    else this.note(kernel === 'dead' ? 'Enter starts a new kernel, Ctrl-D leaves.' : 'Ctrl-D leaves.');
  }

  /** Leaves: the kernel closes its card and ends. */
  leave(): void {
    if (this.scene.kernel === 'leaving') return;
    this.#client = undefined;
    this.#set({ kernel: 'leaving', menu: undefined, waiting: [] });
    void this.#kernel
      ?.then((kernel) => kernel.shutdown())
      .catch(() => undefined)
      .then(this.#leave);
    if (!this.#kernel) this.#leave();
  }
}

/** The kernel's judgement, or `unknown` where it does not come. */
async function soon(answer: ReturnType<Kernel['isComplete']>): Promise<{ status: string; indent: string }> {
  const unknown = { status: 'unknown', indent: '' };
  return Promise.race([answer.catch(() => unknown), delay(JUDGE_WITHIN, unknown, { ref: false })]);
}
