/** What main does once it is loaded: cells, interrupts, and an orderly end. */
import { endWatches } from './live.js';
import type { MessagePort, Worker } from 'node:worker_threads';
import { hostedBy } from '../lib/share/host.js';
import type { Asker } from './ask.js';
import { Channels } from './channel.js';
import { defineGlobals } from './globals.js';
import { uncheckHooks } from './hooks.js';
import { Inputs } from './input.js';
import { Output } from './output.js';
import { Session } from './session.js';
import { Statuses } from './status.js';
import { SHARED, type ToMain } from './threads.js';
import { KeyboardInterrupt } from './trace.js';
import { watchWorkers } from './workers.js';

export async function start(parts: {
  readonly io: Worker;
  readonly asker: Asker;
  readonly cards: MessagePort;
  readonly shared: Int32Array;
}): Promise<(message: ToMain) => void> {
  uncheckHooks((forbidden) => Atomics.store(parts.shared, SHARED.HOOKED, Number(forbidden)));
  const output = new Output(parts.io, parts.shared);
  const session = new Session(parts.asker, output, parts.shared, process.cwd());
  const inputs = new Inputs(output);
  const channels = new Channels(output);
  session.onCell = new Statuses(channels, session);
  defineGlobals(output, inputs, channels);
  output.capture();
  hostedBy(parts.cards);
  await session.preload();

  // Nothing that a cell left running in the background ends the kernel.
  const background = (what: string, thrown: unknown): void => {
    if (thrown instanceof KeyboardInterrupt) return;
    const cell = output.context.thrower(thrown);
    output.text('stderr', `${what}: ${session.describe(thrown).traceback.join('\n')}\n`, cell);
  };
  process.on('uncaughtException', (error) => background('Uncaught', error));
  process.on('unhandledRejection', (reason) => background('Unhandled rejection', reason));

  watchWorkers(
    () => output.context.cell,
    (cell, what, thrown) => {
      const why = thrown === undefined ? '' : `: ${session.describe(thrown).traceback.join('\n')}`;
      output.text('stderr', `${what}${why}\n`, cell);
    },
  );

  const end = (): void => {
    session.close();
    output.send({ type: 'end' });
  };
  // The session, and the card with it, is the front end's to end.
  process.exit = ((code?: number) => {
    throw new Error(
      `process.exit(${code ?? ''}) in a cell: the kernel goes on; shut it down or restart it from the front end`,
    );
  }) as typeof process.exit;

  return (message) => {
    if (message.type === 'execute') void session.execute(message);
    else if (message.type === 'interrupt') {
      if (message.cell === undefined) endWatches();
      session.interrupt(message.cell);
    } else if (message.type === 'input') inputs.answer(message);
    else if (message.type === 'comm') channels.hear(message);
    else if (message.type === 'listening') return;
    else if (message.type === 'hearSigint') process.on('SIGINT', () => output.send({ type: 'sigint' }));
    else end();
  };
}
