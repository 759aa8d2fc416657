/** What is known of a card without asking it, on counted accesses; and what a kernel tells of its cards. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Backend } from '../lib/backend.js';
import { openSim } from '../lib/backends/sim.js';
import { Device } from '../lib/device.js';
import { Fate } from '../lib/fate.js';
import { HEADER } from '../lib/config/header.js';
import { toText } from '../lib/print.js';
import { ageChange, ageText, amountText } from '../lib/status.js';
import { VIEW } from '../lib/view.js';
import type { KernelStatus } from '../kernel/client.js';
import { Bench, until } from './kernel-bench.js';

const CONFIG = 7;
const EXPRESS = 0x40;

interface Counted {
  readonly dev: Device;
  /** Accesses since it was opened: 'read 7+0x4 16'. */
  readonly accesses: string[];
  readonly config: Uint8Array;
  readonly fate: Fate;
}

/** A simulated card whose config space is bytes, with a PCI Express capability, and whose accesses are counted. */
function counted({ express = true } = {}): Counted {
  const sim = openSim('edu');
  const accesses: string[] = [];
  const config = new Uint8Array(256);
  const view = new DataView(config.buffer);
  sim.readBlock(CONFIG, 0, 32, config);
  if (express) {
    config[EXPRESS + 1] = config[0x34] ?? 0;
    config[EXPRESS] = 0x10;
    config[0x34] = EXPRESS;
    view.setUint16(EXPRESS + 0x12, 0x1043, true);
  }
  const fate = new Fate();
  const own: Partial<Backend> = {
    fate,
    read(region, offset, width) {
      accesses.push(`read ${region}+0x${offset.toString(16)} ${width}`);
      if (region !== CONFIG) return sim.read(region, offset, width);
      return width === 8
        ? view.getUint8(offset)
        : width === 16
          ? view.getUint16(offset, true)
          : view.getUint32(offset, true);
    },
    write(region, offset, width, value) {
      accesses.push(`write ${region}+0x${offset.toString(16)} ${width}`);
      if (region !== CONFIG) sim.write(region, offset, width, value);
      else if (width === 16) view.setUint16(offset, Number(value), true);
      else view.setUint8(offset, Number(value));
    },
    readBlock(region, offset, width, into) {
      accesses.push(`block ${region}+0x${offset.toString(16)} ${into.length}`);
      if (region === CONFIG) into.set(config.subarray(offset, offset + into.length));
      else sim.readBlock(region, offset, width, into);
    },
  };
  const backend = new Proxy(sim, {
    get: (target, key) => {
      const value = Reflect.get(own, key) ?? Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const dev = new Device(backend);
  accesses.length = 0;
  return { dev, accesses, config, fate };
}

describe('the status of a device', () => {
  test('is what was seen of COMMAND and LNKSTA, and when; asking for it and showing it touch nothing', () => {
    const { dev, accesses } = counted();
    using _ = dev;
    assert.deepEqual([dev.status().command, dev.status().link], [undefined, undefined]);
    assert.match(toText(dev.status()[VIEW]()), /COMMAND +not read yet/);
    assert.deepEqual(accesses, []);

    const before = Date.now();
    dev.busMaster(true);
    const { command } = dev.status();
    assert.deepEqual([command?.mem, command?.busMaster, command?.how], [true, true, 'written']);
    assert.ok((command?.at ?? 0) >= before && (command?.at ?? 0) <= Date.now());
    dev.config.registers(HEADER).COMMAND.read();
    assert.equal(dev.status().command?.how, 'read');

    assert.equal(dev.status().link, undefined, 'nobody has read the list of capabilities');
    dev.cap('EXP');
    const { raw, speed, width } = dev.status().link ?? {};
    assert.deepEqual([raw, speed, width], [0x1043, '8GT/s', 4]);

    accesses.length = 0;
    const status = dev.status();
    const text = toText(status[VIEW]()) + JSON.stringify(status);
    assert.match(text, /COMMAND +Mem\+ BusMaster\+ +0x0\d\d6|COMMAND +Mem\+ BusMaster\+ +0x0\d\d7/);
    assert.match(text, /link +8GT\/s x4 +0x1043, read 0 s ago/);
    assert.deepEqual(accesses, []);
  });

  test('accesses of every width are seen, halves of a word and blocks too; a write of LNKSTA is not its value', () => {
    const { dev, config } = counted();
    using _ = dev;
    const { config: space } = dev;
    space.read8(0x04);
    assert.equal(dev.status().command, undefined, 'half of it says nothing of the other half');
    config[0x04] = 0x06;
    space.read32(0x04);
    assert.equal(dev.status().command?.raw, 0x0106);
    config[0x05] = 0x04;
    space.read8(0x05);
    assert.equal(dev.status().command?.raw, 0x0406);
    space.write8(0x04, 0x02);
    assert.deepEqual([dev.status().command?.raw, dev.status().command?.busMaster], [0x0402, false]);
    config[0x04] = 0x00;
    space.readBlock(0, 64);
    assert.equal(dev.status().command?.mem, false);
    space.readBlock(0, 256);
    assert.equal(dev.status().link?.width, 4);
    space.write16(EXPRESS + 0x12, 0xc000);
    assert.equal(dev.status().link?.raw, 0x1043);
    assert.equal(space.read16(EXPRESS + 0x12), 0xc000);
    assert.equal(dev.status().link?.raw, 0xc000);
  });

  test('refreshed, it reads COMMAND and LNKSTA once more, and nothing else', () => {
    const { dev, accesses } = counted();
    using _ = dev;
    assert.equal(dev.status({ refresh: true }).link?.speed, '8GT/s');
    assert.deepEqual(accesses.splice(0), ['block 7+0x0 256']);
    dev.status({ refresh: true });
    assert.deepEqual(accesses.splice(0), ['read 7+0x4 16', 'read 7+0x52 16']);

    const { dev: plain, accesses: few } = counted({ express: false });
    using __ = plain;
    plain.status({ refresh: true });
    plain.status({ refresh: true });
    assert.deepEqual(few, ['block 7+0x0 256', 'read 7+0x4 16']);
    assert.equal(plain.status().link, undefined);
  });

  test('vectors, buffers and the end', () => {
    const dev = new Device(openSim('edu'));
    dev.enableIrqs('msi');
    dev.dma(8192);
    dev.dma(4096);
    const { irqs, dma, gone, others } = dev.status();
    assert.deepEqual(
      [irqs, dma, gone, others],
      [[{ kind: 'msi', vectors: 1 }], { buffers: 2, bytes: 12288 }, undefined, []],
    );
    dev.close();
    assert.equal(dev.status().gone, 'was closed');
    assert.equal(dev.status({ refresh: true }).gone, 'was closed');
  });

  test('all-ones, by what was read or by what the backend found, until it answers otherwise', async () => {
    const { dev, config, fate } = counted();
    using _ = dev;
    dev.status({ refresh: true });
    assert.equal(dev.status().onesAt, undefined);
    await new Promise((resolve) => setTimeout(resolve, 2));
    fate.fallSilent(Date.now());
    assert.equal(dev.status().onesAt, fate.silentAt);
    assert.match(toText(dev.status()[VIEW]()), /card +answers all-ones +0 s ago/);
    await new Promise((resolve) => setTimeout(resolve, 2));
    dev.status({ refresh: true });
    assert.equal(dev.status().onesAt, undefined);
    await new Promise((resolve) => setTimeout(resolve, 2));
    config.fill(0xff);
    dev.config.read16(0x04);
    assert.equal(dev.status().onesAt, dev.status().command?.at);
  });

  test('a card that was taken away', async () => {
    const dev = new Device(openSim('edu'));
    const event = new Promise((resolve) => dev.onEvent(resolve));
    dev.rehearse('req');
    await event;
    assert.match(dev.status({ refresh: true }).gone ?? '', /^was taken away at \d\d:\d\d:\d\d: its driver asked/);
  });

  test('ages and amounts in words', () => {
    const SECOND = 1000;
    const cases = [0, 999, 59_999, 60_000, 3_599_999, 3_600_000, 86_400_000, -5];
    assert.deepEqual(cases.map(ageText), ['0 s', '0 s', '59 s', '1 min', '59 min', '1 h', '1 d', '0 s']);
    assert.deepEqual([0, 1, 59_999, 60_000, 90_000].map(ageChange), [SECOND, 999, 1, 60_000, 30_000]);
    assert.deepEqual([0, 4096, 6144, 1536 * 1024, 3 * 2 ** 30].map(amountText), [
      '0 B',
      '4 KiB',
      '6 KiB',
      '1.5 MiB',
      '3 GiB',
    ]);
  });
});

describe('what a kernel tells', { timeout: 300_000 }, () => {
  let bench: Bench;
  const told: KernelStatus[] = [];
  const last = (): KernelStatus | undefined => told.at(-1);
  before(async () => {
    bench = await Bench.start();
    bench.kernel.watchStatus((status) => told.push(status));
    await until(() => told.length > 0, 'the first status');
  });
  after(() => bench.end());

  test('after a cell: its cards by the variables that hold them, and all variables; before its end is told', async () => {
    assert.deepEqual([last()?.cards, last()?.variables], [[], []]);
    const { reply } = await bench.run("const dev = open('sim:edu'); let a = 1; function b() {}; dev.busMaster(true)");
    assert.equal(reply.status, 'ok', reply.evalue);
    const [card, ...more] = last()?.cards ?? [];
    assert.deepEqual([card?.name, card?.path, card?.command?.busMaster, more], ['dev', 'sim:edu', true, []]);
    assert.deepEqual([...(last()?.variables ?? [])].sort(), ['a', 'b', 'dev']);
  });

  test('nothing where nothing has changed', async () => {
    const before = told.length;
    await bench.run('a + 1');
    await bench.run('1', { silent: true });
    assert.equal(told.length, before);
  });

  test('while a cell runs, without its end', async () => {
    const before = told.length;
    const running = bench.run("dev.enableIrqs('msi'); await new Promise((resolve) => setTimeout(resolve, 600_000))");
    await until(() => told.length > before, 'the status of a cell that runs');
    assert.deepEqual(last()?.cards[0]?.irqs, [{ kind: 'msi', vectors: 1 }]);
    bench.kernel.refreshStatus();
    await until(() => last()?.answers === true, 'the answer while a cell awaits');
    await bench.kernel.interrupt();
    await running;
  });

  test('refreshed when asked; a busy kernel answers when it is free', async () => {
    const before = last()?.cards[0]?.command?.at ?? 0;
    let spins = false;
    const running = bench.run("console.log('spins'); for (;;) {}", { onOutput: () => (spins = true) });
    await until(() => spins, 'the cell spins');
    bench.kernel.refreshStatus();
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(last()?.cards[0]?.command?.at, before);
    await bench.kernel.interrupt();
    await running;
    await until(() => (last()?.cards[0]?.command?.at ?? 0) > before, 'the answer');
    assert.equal(last()?.cards[0]?.command?.how, 'read');
  });

  test('a comm of a cell is no View, and no status', async () => {
    const before = told.length;
    const { outputs } = await bench.run("comms.open('mine').send({ title: 'no', head: [], rows: [] }); 7");
    assert.deepEqual(
      outputs.map((output) => ('view' in output ? output.view : undefined)),
      [undefined],
    );
    assert.equal(told.length, before);
  });

  test('a card that is taken away, at once; and gone it stays until it is opened again', async () => {
    await bench.run("setTimeout(() => dev.rehearse('req'), 50)");
    await until(() => last()?.cards[0]?.gone !== undefined, 'the card is gone');
    await bench.run('const other = 1');
    assert.match(last()?.cards[0]?.gone ?? '', /taken away/);
    await bench.run("const dev2 = open('sim:edu')");
    assert.deepEqual(
      last()?.cards.map(({ name, gone }) => [name, gone]),
      [['dev2', undefined]],
    );
    await bench.run('dev2.close()');
    assert.deepEqual(last()?.cards, []);
  });
});
