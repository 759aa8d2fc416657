/** In a guest with one page of 1 GiB: a buffer made of it. EDU is bound to vfio-pci. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { EDU_BUFFER, open, SystemError } from '../../../lib/index.js';
import { transfer } from '../../contract/edu.js';
import { EDU } from '../cards.js';

const GiB = 2 ** 30;
const FOLDER = '/sys/kernel/mm/hugepages/hugepages-1048576kB';
const CARD = BigInt(EDU_BUFFER.offset);
const free = (): string => readFileSync(`${FOLDER}/free_hugepages`, 'utf8').trim();

test('a page of 1 GiB, by the policy of libopae and at IOVA 0, where a card of 28 bits reaches it', () => {
  using dev = open(EDU);
  dev.busMaster(true);
  assert.equal(free(), '1');
  const buf = dev.dma(2 ** 21 + 1, { pageSize: 'opae', iova: 0n });
  assert.deepEqual([buf.size, buf.pageSize, buf.iova, free()], [GiB, GiB, 0n, '0']);
  buf.fill(0x5a, 0, 8);
  transfer(dev, 0n, CARD, 8, 'to card');
  transfer(dev, CARD, 0xfff_fff8n, 8, 'to memory');
  assert.ok(buf.compare(0x5a, 0xfff_fff8, 8).equal);
  buf.bytes[GiB - 1] = 1;
  assert.throws(
    () => dev.dma(1, { pageSize: '1G' }),
    (error) =>
      error instanceof SystemError &&
      error.message.includes(`1 huge pages of 1024 MiB are needed, ${FOLDER}/free_hugepages says 0`) &&
      error.hint === `configure them: echo 2 | sudo tee ${FOLDER}/nr_hugepages`,
  );
  buf.free();
  assert.equal(free(), '1');
});
