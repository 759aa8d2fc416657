#!/usr/bin/env node
/** `vfiolab`: finds the command in the table, runs it, and turns what comes of it into an exit code: 0, 1 or 2. */
import { readFileSync } from 'node:fs';
import { LabError, UsageError } from '../lib/errors.js';
import { parseCommandLine } from './commands/parse.js';
import { COMMANDS } from './commands/table.js';

const stop = new AbortController();

/**
 * The first signal lets the command end in good order; the end of the command then ends the process by that signal. Only for
 * commands that wait or work in pieces: one in the middle of a single call could not answer, and must die at once.
 */
function caught(): AbortSignal {
  if (!catching) for (const signal of SIGNALS) process.once(signal, () => stop.abort(signal));
  catching = true;
  return stop.signal;
}
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
let catching = false;

/** The reader of our output went away (`| head`): nobody is left to tell. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  stop.abort('EPIPE');
});

async function main(words: readonly string[]): Promise<number> {
  const parsed = parseCommandLine(words, COMMANDS);
  if (parsed.kind === 'version') {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    process.stdout.write(`${version}\n`);
    return 0;
  }
  if (parsed.kind === 'help') {
    process.stdout.write((await import('./commands/help.js')).helpPage(parsed.words));
    return 0;
  }
  return parsed.call.command.run({
    ...parsed.call,
    get signal() {
      return caught();
    },
  });
}

/** One line; LabErrors carry the hint in it. The stack only where it is asked for, or where the error is not one of ours. */
function report(error: unknown): number {
  const text = error instanceof LabError ? error.message : `vfiolab: ${String(error)}; VFIOLAB_DEBUG=1 shows where`;
  process.stderr.write(`${text.replaceAll('\n', ' ')}\n`);
  if (process.env.VFIOLAB_DEBUG === '1' && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  return error instanceof UsageError ? 2 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.exitCode = stop.signal.aborted && error === stop.signal.reason ? 0 : report(error);
}
const { reason } = stop.signal;
if (stop.signal.aborted && reason !== 'EPIPE') process.kill(process.pid, reason as NodeJS.Signals);
