/** What is wrong with the kernel as a whole, and what can be done about it. */
import type { WorkState } from './work.js';

/** A kernel that takes longer to start than this, in ms, can be given up. */
export const SLOW_AFTER = 10_000;

export interface Trouble {
  readonly kind: 'dead' | 'ending' | 'silent' | 'slow';
  readonly text: string;
}

export function trouble(state: WorkState, now: number): Trouble | undefined {
  const { kernel, silent, ending, started, joined } = state;
  const seconds = (since: number): string => `${Math.floor((now - since) / 1000)} s`;
  if (kernel === 'dead')
    return { kind: 'dead', text: `no kernel: Enter ${joined ? 'joins it again' : 'starts one'}, Ctrl-D leaves` };
  if (kernel === 'leaving') return undefined;
  if (ending) return { kind: 'ending', text: 'ending the kernel…' };
  if (silent !== undefined)
    return { kind: 'silent', text: `the kernel does not answer for ${seconds(silent)}: Ctrl-C ends it` };
  if (kernel === 'starting' && now - started > SLOW_AFTER)
    return { kind: 'slow', text: `the kernel is starting for ${seconds(started)}: Ctrl-C gives it up` };
  return undefined;
}
