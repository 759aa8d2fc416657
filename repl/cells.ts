/** Cells at the prompt: those that wait in a line and are judged there, complete or not; the one that runs; those that ran. */
import { setTimeout as delay } from 'node:timers/promises';
import type { KernelClient, Output } from '../kernel/client.js';

/** A cell that was entered and has not begun to run. */
export interface Waiting {
  readonly text: string;
  /** It is known to be complete. */
  readonly complete: boolean;
}

export interface Running {
  readonly text: string;
  /** In ms since the epoch. */
  readonly since: number;
  /** When Ctrl-C was first pressed. */
  readonly interrupted: number | undefined;
  /** It is another front end's: what the kernel calls it. */
  readonly other?: string;
}

/** A cell that ran. */
export interface Ran {
  readonly number: number;
  readonly text: string;
  readonly outputs: readonly Output[];
  readonly ok: boolean;
}

/** How long an answer to "is this complete?" may take before the cell is run as it is. The compiler may still be loading. */
const JUDGE_WITHIN = 30_000;

/** The kernel's judgement of a text, or `unknown` where it does not come. */
export async function judgement(
  kernel: Pick<KernelClient, 'isComplete'>,
  text: string,
): Promise<{ readonly status: string; readonly indent: string }> {
  const unknown = { status: 'unknown', indent: '' };
  const answer = kernel.isComplete(text).catch(() => unknown);
  return Promise.race([answer, delay(JUDGE_WITHIN, unknown, { ref: false })]);
}

/** The line, where the cell at `index` is not complete: it goes on in the one behind it, where there is one. */
export function continued(line: readonly Waiting[], index: number): Waiting[] {
  const [cell, next] = line.slice(index);
  const whole = cell && next && { text: `${cell.text}\n${next.text}`, complete: false };
  return line.toSpliced(index, 2, ...(whole ? [whole] : []));
}

/** UTF-16 units of printed text that are remembered of one cell. */
const REMEMBERED = 1 << 20;

/** What a cell showed. */
export class CellRecord {
  readonly outputs: Output[] = [];
  #room = REMEMBERED;

  add(output: Output): void {
    if (output.type === 'stream') this.#room -= output.text.length;
    if (this.#room > 0 || output.type !== 'stream') this.outputs.push(output);
  }

  get ok(): boolean {
    return !this.outputs.some(({ type }) => type === 'error');
  }
}

/** As a cell is called in a line. */
export const firstLine = (text: string): string => text.split('\n', 1)[0] ?? '';
