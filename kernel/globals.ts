/** Defines what scope.ts declares: the names that every cell sees. */
import { randomUUID } from 'node:crypto';
import { PROGRESS, SIGNAL } from '../lib/cell.js';
import { Browse, type BrowseOptions } from './browse.js';
import { BROWSE_TARGET } from './browsed.js';
import { DisplayHandle, shown } from './display.js';
import type { Channels } from './channel.js';
import type { Inputs } from './input.js';
import { type Standing, Watch, type WatchOptions, WATCH_ID } from './live.js';
import type { Output } from './output.js';
import { progressBar } from './progress.js';
import { defineShell } from './shell.js';
import { replaceTimers } from './timers.js';
import type { Rich } from './threads.js';
import { KeyboardInterrupt } from './trace.js';

/** The front end pins what is watched, so that a watch need not hold up its cell. Told by the environment, which is not for cells. */
const PINS = process.env.VFIOLAB_PINS === '1';
delete process.env.VFIOLAB_PINS;

export function defineGlobals(output: Output, inputs: Inputs, channels: Channels): void {
  const { context } = output;
  const signal = { configurable: true, get: () => context.signal };
  Object.defineProperty(globalThis, 'signal', signal);
  // What the library waits for ends with the cell, so that an interrupted wait takes no later interrupt.
  Object.defineProperty(globalThis, SIGNAL, signal);

  const show = (
    type: 'display' | 'update',
    value: unknown,
    displayId: string,
    cell = context.cell,
    standing?: Standing,
  ): void => {
    const send = (picture: Rich | undefined): void => {
      if (!picture || !cell || cell.silent) return;
      output.send({ type, cell: cell.id, displayId, ...(standing && { standing }), ...picture });
    };
    const picture = shown(value);
    if (!(picture instanceof Promise)) send(picture);
    else if (cell) cell.pending.push(picture.then(send));
  };
  define('display', (value: unknown, { id = randomUUID() as string } = {}) => {
    show('display', value, id);
    return new DisplayHandle(id, (next) => show('update', next, id));
  });
  define('watch', (source: unknown, options: WatchOptions = {}) => {
    const { cell } = context;
    const id = `${WATCH_ID}${randomUUID()}`;
    return new Watch(source, options, {
      cell,
      id,
      keep: PINS,
      draw: (value, first, standing) => show(first ? 'display' : 'update', value, id, cell, standing),
      fail: (error) =>
        output.text('stderr', `watch ended: ${error instanceof Error ? error.message : String(error)}\n`, cell),
    });
  });
  define('browse', (what: unknown, options: BrowseOptions = {}) => {
    const browse = new Browse(what, options);
    if (!context.cell || context.cell.silent) return browse;
    const channel = channels.open(BROWSE_TARGET, { ...browse.browsed });
    channel.onMessage = (request) => channel.send({ ...browse.answer(request) });
    return browse;
  });
  Object.defineProperty(globalThis, PROGRESS, {
    configurable: true,
    value: (title: string, total: number) => {
      const { cell } = context;
      return progressBar(title, total, {
        draw: (view, id, first) => show(first ? 'display' : 'update', view, id, cell),
        check: () => {
          if (output.stopped()) throw new KeyboardInterrupt();
          cell?.signal.throwIfAborted();
        },
      });
    },
  });
  define('clearOutput', ({ wait = false } = {}) => {
    const cell = context.cell;
    if (cell && !cell.silent) output.send({ type: 'clear', cell: cell.id, wait });
  });
  define('input', (prompt = '', { password = false } = {}) => inputs.ask(context.cell, String(prompt), password));
  defineShell(() => context.signal);
  define('comms', { open: channels.open, target: channels.target });
  replaceTimers(context);
}

function define(name: string, value: unknown): void {
  Object.defineProperty(globalThis, name, { configurable: true, writable: true, value });
}
