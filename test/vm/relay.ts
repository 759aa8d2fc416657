/** Runs a file of node:test tests in the guest and reports each of them as a test of this process. */
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { CHECKOUT, type Guest } from './guest.js';
import { MARK, type Outcome } from './report.js';

interface Tree extends Outcome {
  readonly children: readonly Tree[];
}

/** Children come before their parent. */
function trees(outcomes: readonly Outcome[]): Tree[] {
  const open: Tree[][] = [];
  for (const outcome of outcomes) {
    const children = open.splice(outcome.nesting + 1).flat();
    open[outcome.nesting] ??= [];
    open[outcome.nesting]?.push({ ...outcome, children });
  }
  return open.flat();
}

async function replay(t: TestContext, { name, skip, error, children }: Tree): Promise<void> {
  await t.test(name, skip ? { skip } : {}, async (t) => {
    for (const child of children) await replay(t, child);
    // What was thrown in the guest, with its stack there; ours would say nothing.
    if (error !== undefined && children.every((child) => child.error === undefined)) {
      throw Object.assign(new Error(error), { stack: error });
    }
  });
}

/**
 * Runs dist/test/vm/inside/`files`.js in the guest, in one process, `before` them another command, and replays what they report as
 * subtests of `t`. What ends badly without saying so in a test fails with all it printed.
 */
export async function relay(
  t: TestContext,
  guest: Guest,
  files: string,
  { timeout = 300, before = ':' }: { timeout?: number; before?: string } = {},
): Promise<void> {
  const reporter = join(CHECKOUT, 'dist/test/vm/report.js');
  const { code, output } = await guest.run(
    `${before} && exec node --test-reporter=${reporter} --test-reporter-destination=stdout dist/test/vm/inside/several.js ${files}`,
    { timeout },
  );
  const lines = output.split('\n');
  const outcomes = lines.filter((line) => line.startsWith(MARK)).map((line) => JSON.parse(line.slice(1)) as Outcome);
  for (const tree of trees(outcomes)) await replay(t, tree);
  const said = lines.filter((line) => line !== '' && !line.startsWith(MARK)).join('\n');
  if (code !== 0) t.diagnostic(`the guest's ${files} printed:\n${said}`);
  if (code === 0 ? outcomes.length === 0 : outcomes.every(({ error }) => error === undefined)) {
    throw new Error(`${files} ended with exit code ${code} after ${outcomes.length} results; it printed:\n${said}`);
  }
}
