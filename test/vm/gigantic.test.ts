/** A guest with one page of 1 GiB; at its end, what is told of a guest that never ends. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { needs } from '../needs.js';
import { EDU } from './cards.js';
import { Guest } from './guest.js';
import { relay } from './relay.js';

test(
  'a page of 1 GiB, in a guest that has one; when its time runs out it is killed, and its console shown',
  needs('guest'),
  async (t) => {
    const guest = await Guest.boot({ gigantic: true });
    t.after(() => guest.off());
    await relay(t, guest, 'gigantic', { before: `bind ${EDU}` });

    guest.deadline(1);
    await assert.rejects(guest.run('echo "last words" >/dev/ttyS0; sleep 600', { timeout: 600 }), (error: Error) => {
      assert.match(error.message, /still running after 1 s and killed/);
      assert.match(error.message, /last words/);
      return true;
    });
    assert.throws(() => process.kill(guest.pid ?? 0, 0), { code: 'ESRCH' });
  },
);
