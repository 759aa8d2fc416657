/** Browsing: what a cell opens with `browse()` gets the full screen; the browser asks the kernel, over the comm behind it, for what it shows. */
import type { BrowseAnswer, Browsed } from '../../kernel/browsed.js';
import type { End } from '../../kernel/client.js';
import type { FullScreen, Size } from '../whole.js';
import { Browser, type Wanted } from './browser.js';

/** As much of the dialogue as it needs. */
export interface Screen {
  readonly scene: { readonly full: FullScreen | undefined; readonly editor: { readonly text: string } };
  show(full: FullScreen | undefined): void;
  watch(watcher: () => void): () => void;
}

/** A kernel whose cells open comms. */
export interface Opens {
  onBrowse(opened: (end: End) => void): void;
}

/** An answer that takes longer, in milliseconds: the kernel is busy with a cell, and that is said. */
const BUSY_AFTER = 300;

export class Browsing {
  readonly #screen: Screen;
  readonly #size: () => Size;
  /** Writing was allowed, for all browsers of this session. */
  #may = false;

  constructor(screen: Screen, size: () => Size) {
    this.#screen = screen;
    this.#size = size;
  }

  /** Shows from now on what this kernel's cells browse. */
  attach(kernel: Opens): void {
    kernel.onBrowse((end) => {
      const { path, size, registers } = end.data;
      // A cell may open this by hand, with anything.
      if (typeof path === 'string' && Number(size) > 0 && Array.isArray(registers)) this.#begin(end);
      else end.close();
    });
  }

  #begin(end: End): void {
    const screen = this.#screen;
    /** What is on the screen, if it is still this one. */
    let shown: Browser | undefined = Browser.of(end.data as unknown as Browsed, this.#may);
    let serial = 0;
    let asked: { readonly id: number; readonly wanted: Wanted; readonly busy: NodeJS.Timeout } | undefined;
    let every = 0;
    let ticks: NodeJS.Timeout | undefined;

    const show = (next: Browser): void => {
      shown = next;
      screen.show(next);
    };
    const ask = (): void => {
      if (!shown || asked) return;
      const wanted = shown.wants(this.#size());
      if (!wanted) return;
      const id = ++serial;
      const busy = setTimeout(() => shown && show(shown.waiting()), BUSY_AFTER);
      asked = { id, wanted, busy };
      end.send({ id, ...requestOf(wanted) });
    };
    const leave = (): void => {
      shown = undefined;
      stop();
      clearTimeout(asked?.busy);
      clearInterval(ticks);
      end.close();
    };
    // Who is typing a line types it to its end: what is meant for a cell is no key of the browser's.
    let waits = screen.scene.editor.text !== '';
    const look = (): void => {
      if (!shown) return;
      const { full, editor } = screen.scene;
      if (waits) {
        if (editor.text !== '') return;
        waits = false;
        show(shown);
        return;
      }
      // A key has made a browser of this one, or something else has the screen.
      if (!(full instanceof Browser) || !full.follows(shown)) {
        leave();
        return;
      }
      shown = full;
      this.#may ||= full.may;
      const on = full.on(this.#size());
      if (on !== full) {
        show(on);
        return;
      }
      if (full.rate !== every) {
        every = full.rate;
        clearInterval(ticks);
        // While an answer is awaited there is nothing to ask again.
        if (every > 0) ticks = setInterval(() => shown && !asked && show(shown.refreshed()), every);
      }
      ask();
    };
    end.onMessage = (data) => {
      if (!asked || !shown || data.id !== asked.id) return;
      const { wanted, busy } = asked;
      clearTimeout(busy);
      asked = undefined;
      show(shown.heard(wanted, data as unknown as BrowseAnswer));
    };
    end.onClose = (why) => {
      clearTimeout(asked?.busy);
      asked = undefined;
      if (shown && waits) leave();
      else if (shown) show(shown.ended(why));
    };
    const stop = screen.watch(look);
    if (!waits) show(shown);
  }
}

function requestOf(wanted: Wanted): Record<string, unknown> {
  const { offset, width } = wanted;
  if (wanted.why === 'edit') return { act: 'write', offset, width, value: `${wanted.value}` };
  if (wanted.why === 'asked') return { act: 'read', offset, length: width / 8, width, fragile: true };
  return { act: 'read', offset, length: wanted.length, width };
}
