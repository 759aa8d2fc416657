/** Workers that cells start: what one dies of is told below the cell that started it. */
import type { Worker } from 'node:worker_threads';

/** @param tell is given what to say and to which cell, `cell` being who runs when the worker is started. */
export function watchWorkers<C>(cell: () => C, tell: (cell: C, what: string, thrown?: unknown) => void): void {
  process.on('worker', (worker: Worker) => {
    const from = cell();
    let failed = false;
    // Ahead of a listener that hears it once, and is gone then.
    worker.prependListener('error', (error) => {
      failed = true;
      // A cell that listens itself has been told.
      if (worker.listenerCount('error') === 1) tell(from, 'A worker died', error);
    });
    worker.prependListener('exit', (code) => {
      if (code === 0 || failed || worker.listenerCount('exit') > 1) return;
      tell(from, `A worker ended, exit ${code}`);
    });
  });
}
