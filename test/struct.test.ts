/** Structs in memory, as types: a name, a field or a value that is not in the layout is refused before anything runs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { open, u8, u16, u32, u64 } from '../lib/index.js';

const LAYOUT = {
  OPCODE: u8(0),
  CID: u16(2),
  NSID: u32(4, { LOW: [7, 0], KIND: [9, 8, { PLAIN: 0, FANCY: 2 }] }),
  PRP: u64(8, 2),
  DESC: u32(24, { LENGTH: [15, 0] }, 2),
};

test('members have the types that the layout gives them', () => {
  using dev = open('sim:edu');
  const it = dev.dma(4096).struct(LAYOUT);
  const opcode: number = it.OPCODE;
  const prp: bigint = it.PRP[1];
  const kind: 'PLAIN' | 'FANCY' | number = it.NSID.KIND;
  assert.deepEqual([opcode, prp, kind], [0, 0n, 'PLAIN']);
  it.OPCODE = 6;
  it.CID = 0xffff;
  it.NSID.LOW = 1;
  it.NSID.KIND = 'FANCY';
  it.NSID.raw |= 0x100;
  it.PRP[0] = 0x1000n;
  it.DESC[1].LENGTH = 512;
  assert.deepEqual([it.NSID.raw, it.NSID.KIND, it.DESC[1].raw, it.DESC[0].LENGTH], [0x301, 3, 512, 0]);
  assert.equal(it.PRP.length, 2);
  assert.deepEqual([...it.PRP], [0x1000n, 0n]);
});

test('what the layout does not have is a type error, and refused', () => {
  using dev = open('sim:edu');
  const it = dev.dma(4096).struct(LAYOUT);
  const bad = [
    // @ts-expect-error a misspelt member
    () => (it.OPCOED = 1),
    // @ts-expect-error a misspelt field
    () => (it.NSID.LOV = 1),
    // @ts-expect-error a number where 64 bits are
    () => (it.PRP[0] = 1),
    // @ts-expect-error a bigint where 32 are
    () => (it.OPCODE = 1n),
    // @ts-expect-error past the end of an array
    () => (it.PRP[2] = 1n),
    // @ts-expect-error a name that the enum does not have
    () => (it.NSID.KIND = 'PLAINER'),
    // @ts-expect-error a member with fields is assigned by `raw` or by field
    () => (it.NSID = 1),
  ];
  for (const assign of bad) assert.throws(assign, String(assign));
  assert.ok(dev.buffers[0]?.compare(0).equal, 'nothing was written');
});
