/**
 * The prompt: a front end to a kernel process that it starts. It evaluates nothing and touches no card itself. The first key is taken
 * before the kernel is up and before Ink is loaded.
 */
import type { ReadStream, WriteStream } from 'node:tty';
import { wantsColours } from './ansi.js';
import { Dialogue } from './dialogue.js';
import { History } from './history.js';
import { prelude } from './prelude.js';
import type { Key } from './keys.js';
import { type Painting, sketch } from './sketch.js';
import { takeTerminal, type Terminal } from './terminal.js';
import type { Kernel } from './work.js';

/** Milliseconds until a process that was sent SIGTSTP has stopped. */
const STOPS_WITHIN = 50;

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export interface PromptOptions {
  /** What the prelude opens: a BDF, 'group:BDF', 'sim:edu'. */
  readonly spec: string;
  /** Leaves when it aborts. */
  readonly signal?: AbortSignal;
  readonly stdin?: ReadStream;
  readonly stdout?: WriteStream;
}

/** What cells are to see of the variables that are changed here for Ink and React. */
const environment = (): Record<string, string> => {
  const given = Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { NODE_ENV: '', ...Object.fromEntries(given) };
};

async function startKernel(env: Record<string, string>): Promise<Kernel> {
  const { KernelClient } = await import('../kernel/client.js');
  return KernelClient.start({ views: true, env });
}

/** Somebody is looking, also where CI is set (Ink draws nothing then until the end), and nobody debugs Ink or React. */
function settleEnvironment(): void {
  delete process.env.CI;
  delete process.env.CONTINUOUS_INTEGRATION;
  delete process.env.DEV;
  process.env.NODE_ENV = 'production';
}

/** Runs the prompt until it is left; the exit code. Without a terminal: standard input is one cell, run after the prelude. */
export async function runPrompt(options: PromptOptions): Promise<number> {
  const { stdin = process.stdin, stdout = process.stdout } = options;
  const env = environment();
  if (!stdin.isTTY || !stdout.isTTY) {
    const { runScript } = await import('./script.js');
    return runScript(prelude(options.spec), await startKernel(env), options.signal);
  }

  const dialogue = new Dialogue({
    start: () => startKernel(env),
    prelude: [prelude(options.spec)],
    history: new History(),
  });
  let painting: Painting | undefined;
  const press = (key: Key): void => {
    if (key.name === 'C-l') painting?.clear();
    else if (key.name === 'C-z') suspend();
    else dialogue.press(key);
  };
  const leave = (): void => dialogue.leave();
  const take = (): Terminal => takeTerminal(stdin, stdout, press, leave);
  let terminal = take();
  const colours = wantsColours(stdout);
  let paint: () => Painting = () => sketch(dialogue, stdout, colours);
  /** Ctrl-Z: the shell has the terminal until it goes on with us. The kernel, in a session of its own, goes on all the time. */
  const suspend = (): void => {
    painting?.end();
    terminal.release();
    process.kill(0, 'SIGTSTP');
    // Due when the process is continued; or soon, where no shell controls jobs and nothing was stopped.
    setTimeout(() => {
      terminal = take();
      painting = paint();
    }, STOPS_WITHIN);
  };
  options.signal?.addEventListener('abort', leave);
  // Ink's signal-exit ends the process by the signal where nobody else listens; leaving takes a moment longer.
  for (const name of SIGNALS) process.on(name, leave);
  try {
    settleEnvironment();
    painting = paint();
    dialogue.start();
    const { paintWithInk } = await import('./screen.js');
    painting.end();
    paint = () => paintWithInk(dialogue, stdin, stdout, colours);
    painting = paint();
    if (options.signal?.aborted) leave();
    await dialogue.left;
  } finally {
    options.signal?.removeEventListener('abort', leave);
    for (const name of SIGNALS) process.off(name, leave);
    painting?.end();
    terminal.release();
    dialogue.leave();
  }
  return 0;
}
