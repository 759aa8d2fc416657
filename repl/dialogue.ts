/**
 * The dialogue: what the prompt knows and does, without a screen. Keys and the kernel's answers go in; a `Scene` to be drawn comes out.
 */
import type { Completion } from '../kernel/client.js';
import { choose, type Menu, offer } from './completion.js';
import { dot, type Steering } from './dots.js';
import { EMPTY, type Editor, edit, emptied, insert, withText } from './editor.js';
import { type History, shown, step, suggest, type Walk } from './history.js';
import type { Key } from './keys.js';
import { Outlet, type Panel } from './outlet.js';
import { Pager } from './pager.js';
import type { Origin } from './recipe.js';
import { type Asked, answered, asked } from './question.js';
import { begin, found, type Search, searched } from './search.js';
import { type Hint, SignatureHelp } from './signature.js';
import { allLines, type Entry, isResult } from './transcript.js';
import type { FullScreen, Size } from './whole.js';
import { type Kernel, Work, type WorkState } from './work.js';

/** What is to be seen. Never changed, only replaced. */
export interface Scene extends WorkState {
  /** The line of output that has begun and not ended. */
  readonly partial: string;
  /** What the running cell shows and may yet change. */
  readonly panels: readonly Panel[];
  readonly editor: Editor;
  /** What the history would add behind the text, while the cursor is at its end. */
  readonly suggestion: string;
  readonly menu: Menu | undefined;
  /** What is said below the text, until it changes. */
  readonly hint: Hint | undefined;
  readonly search: Search | undefined;
  /** What the running cell asks, and what is being answered. */
  readonly asked: Asked | undefined;
  /** What has the whole screen. */
  readonly full: FullScreen | undefined;
}

export interface DialogueOptions {
  /** Starts a kernel process, or joins one. Called again when the kernel has died and Enter is pressed. `signal`: it is given up. */
  readonly start: (signal: AbortSignal) => Promise<Kernel>;
  /** `start` joins a kernel, which goes on when the prompt is left. */
  readonly joins?: boolean;
  /** The first cells in every new kernel. */
  readonly prelude: readonly string[];
  readonly history: History;
  readonly origin: Origin | undefined;
  /** Lets the user's editor change a text. */
  readonly editText?: (text: string) => Promise<string>;
  /** The terminal's size. */
  readonly size?: () => Size;
}

/** Keys that take a suggestion at the end of the text: all of it, or its next word. */
const TAKE_ALL = new Set(['right', 'C-f', 'end', 'C-e']);
const TAKE_WORD = new Set(['M-f', 'C-right', 'M-right']);

export class Dialogue {
  scene: Scene;
  /** Settles when the prompt was left and the kernel is gone. */
  readonly left: Promise<void>;

  readonly #options: DialogueOptions;
  readonly #watchers = new Set<() => void>();
  readonly #listeners = new Set<(entries: readonly Entry[]) => void>();
  /** What was said while the terminal was the shell's, or showed something else. */
  readonly #unheard: Entry[] = [];
  readonly #outlet: Outlet;
  readonly #work: Work;
  readonly #steering: Steering;
  readonly #help = new SignatureHelp({
    ask: async (text, cursor) => (await this.#work.begun)?.signature(text, cursor),
    show: (hint) => this.#set({ hint }),
  });
  #walk: Walk | undefined;
  /** The result that was shown last. */
  #result: Entry | undefined;
  /** Keys that are not the editor's; Ctrl-D only on an empty line. */
  readonly #keys: Readonly<Record<string, () => void>> = {
    enter: () => (this.scene.kernel === 'dead' ? this.start() : this.#enter()),
    tab: () => this.#tab(),
    'C-c': () => this.#cancel(),
    'C-d': () => this.leave(),
    'C-o': () => this.#result && this.show(new Pager(allLines(this.#result, Number.POSITIVE_INFINITY))),
    'C-r': () => this.#set({ search: begin(this.#options.history.cells, this.scene.editor) }),
  };
  constructor(options: DialogueOptions) {
    this.#options = options;
    this.#outlet = new Outlet(
      (entries) => {
        this.#result = entries.findLast(isResult) ?? this.#result;
        if (this.scene.full || this.#listeners.size === 0) this.#unheard.push(...entries);
        else for (const listener of this.#listeners) listener(entries);
      },
      () => this.#set({ partial: this.#outlet.partial, panels: this.#outlet.panels }),
    );
    this.#work = new Work({
      start: options.start,
      joins: options.joins ?? false,
      prelude: options.prelude,
      outlet: this.#outlet,
      onChange: () => this.#onWork(this.#work.state),
      onCell: (text) => this.#remember(text),
      onIncomplete: (text) => this.#takeBack(text),
    });
    this.#steering = {
      work: this.#work,
      outlet: this.#outlet,
      origin: options.origin,
      type: (text) => this.#set({ editor: withText(this.scene.editor, text) }),
      editText: options.editText ?? (async (text) => text),
      leave: () => this.leave(),
    };
    this.left = this.#work.left;
    const still = {
      partial: '',
      panels: [],
      editor: EMPTY,
      suggestion: '',
      menu: undefined,
      hint: undefined,
      search: undefined,
      asked: undefined,
      full: undefined,
    };
    this.scene = { ...this.#work.state, ...still };
  }

  /** Calls `watcher` after every change of `scene`; returns what ends that. */
  readonly watch = (watcher: () => void): (() => void) => {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  };

  /** Calls `listener` with what is added to the transcript; returns what ends that. */
  readonly listen = (listener: (entries: readonly Entry[]) => void): (() => void) => {
    this.#listeners.add(listener);
    if (this.#unheard.length > 0) listener(this.#unheard.splice(0));
    return () => this.#listeners.delete(listener);
  };

  #set(change: Partial<Scene>): void {
    const { editor } = this.scene;
    this.scene = { ...this.scene, ...change };
    if (this.scene.kernel === 'dead' || this.scene.kernel === 'leaving') {
      // What was seen of a card stays to be looked at when the kernel has died.
      const full = this.scene.kernel === 'dead' ? this.scene.full : undefined;
      this.scene = { ...this.scene, menu: undefined, hint: undefined, full };
    }
    if (this.scene.editor !== editor)
      this.scene = { ...this.scene, suggestion: this.#suggestion(), hint: this.#help.follow(this.scene.editor) };
    for (const watcher of this.#watchers) watcher();
  }

  #onWork(state: WorkState): void {
    const { question } = state;
    const same = question === this.scene.asked?.question;
    this.#set(same ? state : { ...state, asked: question && asked(question), menu: undefined, search: undefined });
  }

  /** True where the key was the answer's; Ctrl-C stops the cell. */
  #pressInQuestion(state: Asked, key: Key): boolean {
    if (key.name === 'C-c') return false;
    const next = answered(state, key);
    if (typeof next === 'string') this.#work.answer(next);
    else this.#set({ asked: next });
    return true;
  }

  #suggestion(): string {
    const { editor, menu, search } = this.scene;
    const { text, cursor } = editor;
    return menu || search || this.#walk || cursor < text.length ? '' : suggest(this.#options.history.cells, text);
  }

  /** Starts a kernel and its first cells. */
  start(): void {
    this.#work.start();
    // Read before a key needs it.
    setImmediate(() => void this.#options.history.cells);
  }

  /** One key. */
  press(key: Key): void {
    const { kernel, menu, search, editor, full, asked } = this.scene;
    if (kernel === 'leaving') return;
    if (full) {
      this.show(full.press(key, this.#options.size?.() ?? { columns: 80, rows: 23 }));
      return;
    }
    if (asked && this.#pressInQuestion(asked, key)) return;
    if (search && this.#pressInSearch(search, key)) return;
    if (menu && this.#pressInMenu(menu, key)) return;
    const own = key.name === 'C-d' && editor.text !== '' ? undefined : this.#keys[key.name];
    if (own) own();
    else if (!this.#take(key.name)) this.#edit(key);
  }

  /** The terminal has another size. */
  resized(): void {
    if (this.scene.full) this.#set({});
  }

  /** Gives the whole screen to something, or takes it back; what was said meanwhile is said then. */
  show(full: FullScreen | undefined): void {
    this.#set({ full });
    if (full || this.#listeners.size === 0) return;
    const entries = this.#unheard.splice(0);
    if (entries.length > 0) for (const listener of this.#listeners) listener(entries);
  }

  #edit(key: Key): void {
    const { editor } = this.scene;
    const next = edit(editor, key);
    if (next) {
      if (next.text !== editor.text) this.#walk = undefined;
      this.#set({ editor: next });
    } else if (key.name === 'up' || key.name === 'C-p') this.#recall(-1);
    else if (key.name === 'down' || key.name === 'C-n') this.#recall(1);
  }

  /** Takes the suggestion, or its next word; false where there is none, or the key is about something else. */
  #take(name: string): boolean {
    const { editor, suggestion } = this.scene;
    if (suggestion === '' || !(TAKE_ALL.has(name) || TAKE_WORD.has(name))) return false;
    const word = /^[^\p{L}\p{N}_$]*[\p{L}\p{N}_$]*/u.exec(suggestion)?.[0] ?? '';
    this.#set({ editor: insert(editor, TAKE_ALL.has(name) ? suggestion : word) });
    return true;
  }

  /** True where the key was the search's. */
  #pressInSearch(search: Search, key: Key): boolean {
    const next = searched(search, key);
    if (next) {
      this.#set({ search: next, editor: found(next) ?? this.scene.editor });
      return true;
    }
    const back = key.name === 'C-g' || key.name === 'C-c';
    this.#set({ search: undefined, ...(back && { editor: search.before }) });
    return back || key.name === 'escape';
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

  /** Asks for completions, of a kernel that is starting too; an answer that comes after more was typed is dropped. */
  async #complete(editor: Editor, fill: boolean): Promise<void> {
    const early = this.scene.kernel === 'starting';
    if (early) this.#set({ hint: { text: 'the kernel is starting…' } });
    let answer: Completion | undefined;
    try {
      answer = await (await this.#work.begun)?.complete(editor.text, editor.cursor);
    } catch {
      // A kernel that died answers nothing; that it died is said elsewhere.
    }
    if (this.scene.editor !== editor) return;
    const { editor: filled, menu } = offer(editor, answer ?? { matches: [], start: 0, end: 0 });
    if (early) this.#set({ hint: undefined });
    if (fill) this.#set({ editor: filled, menu });
    else this.#set({ menu: menu && { ...menu, typed: editor, end: answer?.end ?? 0 } });
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
    const text = this.scene.editor.text.trimEnd();
    if (text.trim() !== '') this.enter(text);
  }

  /** Enters a text, a dot-command or a cell, in the place of what is being typed. */
  enter(text: string): void {
    this.#clear();
    if (!dot(text, this.#steering)) this.#work.enter([text]);
  }

  /** Answers what the running cell asks. */
  answer(text: string): void {
    this.#work.answer(text);
  }

  #clear(): void {
    this.#walk = undefined;
    this.#set({ editor: emptied(this.scene.editor) });
  }

  #remember(text: string): void {
    const refused = this.#options.history.add(text);
    if (refused) this.#unsaved(refused);
  }

  #unsaved = (reason: string): void => {
    this.#unsaved = () => {};
    this.#outlet.note(`The history is not kept: ${reason}`);
  };

  /** Puts `text` before what has been typed since. */
  #takeBack(text: string): void {
    const { editor } = this.scene;
    this.#set({ editor: withText(editor, text + editor.text, text.length + editor.cursor) });
  }

  /** Ctrl-C: stops the cell that runs (another's only where nothing is being typed), else clears the line, else ends what is watched, else says how to leave. */
  #cancel(): void {
    const { editor, running, waiting, kernel, joined } = this.scene;
    if (this.#work.stoppable && (running?.other === undefined || editor.text === '')) this.#work.interrupt();
    else if (editor.text !== '') this.#clear();
    else if (this.scene.panels.length > 0) this.#work.client?.interrupt().catch(() => undefined);
    else if (waiting.some(({ text }) => !this.#options.prelude.includes(text))) this.#work.drop();
    else
      this.#outlet.note(
        kernel === 'dead'
          ? `Enter ${joined ? 'joins it again' : 'starts a new kernel'}, Ctrl-D leaves.`
          : 'Ctrl-D leaves.',
      );
  }

  /** Leaves: the kernel closes its card and ends; one that was joined goes on. */
  leave(): void {
    this.#work.leave();
  }
}
