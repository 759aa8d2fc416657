/** A value as rich output: a bundle of MIME types, and its View for the terminal. */
import { inspect } from 'node:util';
import { toHtml, toText } from '../lib/print.js';
import { viewOf } from '../lib/view.js';
import type { MimeBundle, Rich } from './threads.js';

/** Deno's convention, which other libraries know: the method returns a MIME bundle. */
const DISPLAY = Symbol.for('Jupyter.display');

export async function rich(value: unknown): Promise<Rich> {
  const view = viewOf(value);
  if (view) {
    const { title, head, rows } = view;
    const data = { 'text/plain': toText(view), 'text/html': toHtml(view) };
    return { data, metadata: {}, view: { title, head, rows } };
  }
  return { data: (await foreign(value)) ?? { 'text/plain': inspect(value, { depth: 4 }) }, metadata: {} };
}

/** As `rich`, and an object whose keys are all MIME types is a bundle itself. */
export async function shown(value: unknown): Promise<Rich> {
  return isBundle(value) ? { data: sendable(value), metadata: {} } : rich(value);
}

async function foreign(value: unknown): Promise<MimeBundle | undefined> {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return undefined;
  const method = (value as { [DISPLAY]?: unknown })[DISPLAY];
  const bundle: unknown = typeof method === 'function' ? await method.call(value) : undefined;
  return isBundle(bundle) ? sendable(bundle) : undefined;
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
