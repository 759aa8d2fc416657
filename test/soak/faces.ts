/** Two processes on one card, one of them killed at a random moment, over and over: in a guest, on the kernel's VFIO. */
import { bundled } from '../vm/bundle.js';
import { EDU } from '../vm/cards.js';
import { Guest } from '../vm/guest.js';
import type { Soak } from './soak.js';

export const faces: Soak = {
  name: 'faces',
  title: 'one of two processes that share a card is killed at a random moment; the other and the card go on',
  count: 200,
  short: 20,
  shortIn: 'vm/edu.test.ts',
  async run(count) {
    const guest = await Guest.boot({ alone: true, deadline: 60 + 60 * count });
    try {
      const seed = Date.now() % 2 ** 31;
      await bundled(guest);
      const command = `bind ${EDU} && KILLS=${count} SEED=${seed} node --test dist/test/vm/inside/kills.js`;
      const { code, output } = await guest.run(command, { timeout: 60 * count });
      if (code !== 0) throw new Error(`SEED=${seed}: ${output.slice(-4000)}`);
      return `the other and the card went on each time (SEED=${seed})`;
    } finally {
      await guest.off();
    }
  },
};
