/** A value as rich output: a bundle of MIME types, and its View for the terminal. */
import { inspect } from 'node:util';
import { toHtml } from '../lib/html.js';
import { toText } from '../lib/print.js';
import { viewOf } from '../lib/view.js';
import type { MimeBundle, Rich } from './threads.js';

/** Deno's convention, which other libraries know: the method returns a MIME bundle; here also null, which shows nothing. */
export const DISPLAY: unique symbol = Symbol.for('Jupyter.display') as never;

/** What `display()` returns; a cell that ends with it shows nothing more. */
export class DisplayHandle {
  readonly id: string;
  readonly #update: (value: unknown) => void;

  constructor(id: string, update: (value: unknown) => void) {
    this.id = id;
    this.#update = update;
  }

  update(value: unknown): void {
    this.#update(value);
  }

  [DISPLAY](): null {
    return null;
  }
}

/** What there is to show: at once, unless the value's own method takes its time. */
type Shows = Rich | undefined | Promise<Rich | undefined>;

/** A value's picture; undefined where it shows nothing. */
export function rich(value: unknown): Shows {
  const view = viewOf(value);
  if (view) {
    const { title, head, rows, form } = view;
    const data = { 'text/plain': toText(view), 'text/html': toHtml(view) };
    return { data, metadata: {}, view: { title, head, rows, ...(form && { form }) } };
  }
  const own = foreign(value);
  return own instanceof Promise ? own.then((bundle) => picture(bundle, value)) : picture(own, value);
}

/** As `rich`, and an object whose keys are all MIME types is a bundle itself. */
export function shown(value: unknown): Shows {
  return isBundle(value) ? picture(value, value) : rich(value);
}

function picture(bundle: unknown, value: unknown): Rich | undefined {
  if (bundle === null) return undefined;
  return { data: isBundle(bundle) ? sendable(bundle) : { 'text/plain': inspect(value, { depth: 4 }) }, metadata: {} };
}

/** What the value's method makes of it: a bundle, the promise of one, or nothing to go by. */
function foreign(value: unknown): unknown {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return undefined;
  const method = (value as { [DISPLAY]?: unknown })[DISPLAY];
  return typeof method === 'function' ? method.call(value) : undefined;
}

/** A bundle travels as JSON: what cannot is refused here, in the cell. @throws TypeError */
function sendable(bundle: MimeBundle): MimeBundle {
  return JSON.parse(JSON.stringify(bundle)) as MimeBundle;
}

function isBundle(value: unknown): value is MimeBundle {
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return false;
  const keys = Object.keys(value);
  return keys.length > 0 && keys.every((key) => /^\w[\w.+-]*\/[\w.+;=-]+$/.test(key));
}
