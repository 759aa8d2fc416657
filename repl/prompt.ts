/**
 * The prompt: a front end to a kernel process that it starts, or joins. It evaluates nothing and touches no card itself. The first key
 * is taken before the kernel is up and before Ink is loaded.
 */
import { constants } from 'node:os';
import type { KernelClient } from '../kernel/client.js';
import type { Browsing } from './browser/browsing.js';
import type { Caretaker } from './caretaker.js';
import { Dialogue } from './dialogue.js';
import { History } from './history.js';
import { identity, prelude } from './prelude.js';
import { Stage } from './stage.js';

export interface PromptOptions {
  /** What the prelude opens: a BDF, 'group:BDF', 'sim:edu'; or a kernel that was joined, whose prelude was another's. */
  readonly on: string | KernelClient;
  /** Cells to run behind the prelude. */
  readonly cells: readonly string[];
  /** Lines only, for a screen reader: no frame, no colours. */
  readonly plain: boolean;
  /** Gives the terminal back where the prompt cannot. */
  readonly caretaker?: Caretaker | undefined;
}

/** What cells are to see of the variables that are changed here for Ink and React. */
const environment = (): Record<string, string> => {
  const given = Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { NODE_ENV: '', ...Object.fromEntries(given) };
};

async function startKernel(env: Record<string, string>, signal?: AbortSignal): Promise<KernelClient> {
  const { KernelClient } = await import('../kernel/client.js');
  return KernelClient.start({ views: true, env: { VFIOLAB_PINS: '1', ...env }, ...(signal && { signal }) });
}

/** A kernel that somebody else started. @throws SystemError, UsageError where there is none to be joined. */
export async function joinKernel(name: string | undefined): Promise<KernelClient> {
  const { KernelClient } = await import('../kernel/client.js');
  return KernelClient.join(name, { views: true });
}

/** Starts a kernel; or gives the one that was joined, and joins it again where it is asked for once more. */
function starter(on: PromptOptions['on'], env: Record<string, string>): (signal: AbortSignal) => Promise<KernelClient> {
  if (typeof on === 'string') return (signal) => startKernel(env, signal);
  let first: KernelClient | undefined = on;
  return async () => {
    const given = first;
    first = undefined;
    return given ?? joinKernel(on.joined);
  };
}

/** Somebody is looking, also where CI is set (Ink draws nothing then until the end), and nobody debugs Ink or React. */
function settleEnvironment(): void {
  delete process.env.CI;
  delete process.env.CONTINUOUS_INTEGRATION;
  delete process.env.DEV;
  process.env.NODE_ENV = 'production';
}

/** Runs the prompt on a terminal until it is left; the exit code: 0, or 128 and the number of the signal that ended it. */
export async function runPrompt({ on, cells, plain, caretaker }: PromptOptions): Promise<number> {
  const env = environment();
  let stage: Stage | undefined;
  let browsing: Browsing | undefined;
  // One line less, as of a frame.
  const size = () => ({ columns: process.stdout.columns, rows: Math.max(1, process.stdout.rows - 1) });
  const start = starter(on, env);
  const dialogue: Dialogue = new Dialogue({
    start: async (signal) => {
      const [kernel, { Browsing }] = await Promise.all([start(signal), import('./browser/browsing.js')]);
      browsing ??= new Browsing(dialogue, size);
      if (!plain) browsing.attach(kernel);
      return kernel;
    },
    joins: typeof on !== 'string',
    prelude: typeof on === 'string' ? [prelude(on), ...cells] : cells,
    history: new History(),
    size,
    origin: typeof on === 'string' ? { device: on, id: identity(on) } : undefined,
    editText: async (text) => {
      const { editInEditor } = await import('./external.js');
      return stage ? stage.lend(() => editInEditor(text)) : editInEditor(text);
    },
  });

  const resized = () => dialogue.resized();

  let ended = 0;
  const end = (number: number) => () => {
    ended = 128 + number;
    dialogue.leave();
  };
  // While the terminal is lent Ctrl-C is meant for who has it.
  const cancel = () => (stage?.lent ? undefined : dialogue.press({ name: 'C-c', text: '' }));
  const signals = new Map<NodeJS.Signals, () => void>([
    ['SIGINT', cancel],
    ['SIGTERM', end(constants.signals.SIGTERM)],
    ['SIGHUP', end(constants.signals.SIGHUP)],
  ]);
  // Ink's signal-exit ends the process by the signal where nobody else listens; leaving takes a moment longer.
  for (const [name, listener] of signals) process.on(name, listener);
  try {
    settleEnvironment();
    process.stdout.on('resize', resized);
    // A dumb terminal can do no more.
    if (plain || process.env.TERM === 'dumb') {
      const { printPlainly } = await import('./plain.js');
      printPlainly(dialogue, process.stdin, process.stdout);
    } else {
      await caretaker?.ready;
      stage = new Stage(dialogue, process.stdin, process.stdout, caretaker?.tell);
    }
    dialogue.start();
    await stage?.takeInk();
    await dialogue.left;
  } finally {
    process.stdout.off('resize', resized);
    for (const [name, listener] of signals) process.off(name, listener);
    stage?.end();
    dialogue.leave();
  }
  return ended;
}

/** The kernel behind a script: nothing is pinned. */
export const scriptKernel = (): Promise<KernelClient> => startKernel({ ...environment(), VFIOLAB_PINS: '' });
