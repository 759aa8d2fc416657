/** How far long work of the library's has come, as a bar below the cell: once it takes a while, and while main is busy with it. */
import { randomUUID } from 'node:crypto';
import { duration } from '../lib/histogram.js';
import type { Progress } from '../lib/cell.js';
import { View } from '../lib/view.js';

/** Work that is done before is not worth a bar, in milliseconds; and how often the bar is drawn. */
const WORTH = 500;
const EVERY = 100;
const WIDTH = 30;

interface Parts {
  readonly draw: (view: View, displayId: string, first: boolean) => void;
  /** Throws where the cell was interrupted. */
  readonly check: () => void;
}

export function progressBar(title: string, total: number, { draw, check }: Parts): Progress {
  const start = performance.now();
  const id = randomUUID();
  let due = start + WORTH;
  let shown = false;
  let last = 0;
  const show = (passed: number, words: string): void => {
    draw(picture(title, total > 0 ? last / total : 1, `${words}`), id, !shown);
    shown = true;
    due = start + passed + EVERY;
  };
  const time = (milliseconds: number): string => duration(milliseconds * 1e6);
  return {
    step: (done) => {
      check();
      last = done;
      const now = performance.now();
      if (now < due) return;
      const passed = now - start;
      const left = done > 0 ? `${time((passed / done) * (total - done))} left` : '';
      show(passed, left);
    },
    end: () => {
      if (shown)
        show(performance.now() - start, `${last < total ? 'ended after' : 'in'} ${time(performance.now() - start)}`);
    },
  };
}

function picture(title: string, share: number, words: string): View {
  const full = Math.round(Math.min(1, share) * WIDTH);
  return new View(
    '',
    [],
    [
      [
        { text: title, tone: 'name' },
        { text: '█'.repeat(full) + '░'.repeat(WIDTH - full), tone: 'good' },
        { text: `${Math.floor(Math.min(1, share) * 100)} %`, align: 'right' },
        { text: words, tone: 'dim' },
      ],
    ],
  );
}
