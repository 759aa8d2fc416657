/** The browser: what its keys show of a region, and what it asks of the kernel for that. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Browsed } from '../kernel/browsed.js';
import { Browser } from '../repl/browser/browser.js';
import { HELP } from '../repl/browser/keys.js';
import { needle, place, value } from '../repl/browser/words.js';
import { KeyDecoder } from '../repl/keys.js';
import { columns } from '../repl/line.js';
import { Card, card, REGISTERS, register, SIZE } from './browsed-card.js';

describe('the browser', () => {
  test('reads what is visible and nothing else, in one block of the chosen width', () => {
    const it = card();
    assert.deepEqual(it.asked.splice(0), ['look 0+90 32']);
    assert.equal(it.lines.length, 12);
    it.type('j');
    assert.deepEqual(it.asked.splice(0), []);
    it.type('\x1b[6~');
    assert.deepEqual(it.asked.splice(0), ['look 90+90 32']);
    it.type('kkk');
    assert.deepEqual(it.asked.splice(0), ['look 80+10 32', 'look 70+10 32']);
    it.type('g');
    assert.deepEqual(it.asked.splice(0), ['look 0+70 32']);
    it.type('w');
    assert.deepEqual(it.asked.splice(0), ['look 0+90 64']);
    it.type('ww');
    assert.deepEqual(it.asked.splice(0), ['look 0+90 8', 'look 0+90 16']);
    it.type('r');
    assert.deepEqual(it.asked.splice(0), ['look 0+90 16']);
  });

  const moves: readonly (readonly [keys: string, cursor: string])[] = [
    ['', '0000[00000000]'],
    ['l', '0000[00000000]'],
    ['j', '0010[00000000]'],
    ['G', '0ff0[fffefdfc]'],
    ['Gg', '0000[00000000]'],
    ['G\x1b[5~', '0f60[6f6e6d6c]'],
    ['jjjjjjjjjjjjjjjjj', '0110[13121110]'],
    ['jjjjjjjjjjjjjjjjj$', '0110[1f1e1d1c]'],
    ['jjjjjjjjjjjjjjjjj$0', '0110[13121110]'],
    [':0x104\r', '0100[07060504]'],
    [':0x104\re', '0100[04050607]'],
    [':0x104\rWW', '0100[04]'],
    [':0x104\rww', '0100[04]'],
    [':0x104\rw', '0100[0706050403020100]'],
    [':260\r', '0100[07060504]'],
    [':0x104\r:+0x10\r', '0110[17161514]'],
    [':0x104\r:-4\r', '0100[03020100]'],
    [':stat\r', '0020[00000000]'],
    ['\t', '0020[00000000]'],
    ['\t\t', '0020[--------]'],
    ['\t\t\x1b[Z', '0020[00000000]'],
    [':0x200\r', '0200[????????]'],
    ['h', '0000[00000000]'],
    ['k', '0000[00000000]'],
    ['Gj', '0ff0[fffefdfc]'],
    ['Gl', '0ff0[fffefdfc]'],
  ];
  for (const [keys, cursor] of moves)
    test(`${JSON.stringify(keys)} is at ${cursor}`, () => assert.equal(card().type(keys).cursor, cursor));

  test('the register under the cursor is decoded, at its own width', () => {
    const it = card().type(':STATUS\r');
    it.bytes[0x20] = 0x8b;
    it.type('r');
    const text = it.lines.slice(-3).join('\n');
    assert.match(text, /^0x20 STATUS 32-bit rw = 0x0000008b \(139\) was 0x0 {2}IRQ\[7\]=1\* {2}MODE\[3:2\]=FAST\*/m);
    assert.match(text, /DONE\[1\]=1\* {2}BUSY\[0\]=1\*/);
    assert.match(
      card().type('ww:0x82\r').lines.at(-2) ?? '',
      /^0x80 DMA_SRC 64-bit rw = 0x0000000000000000 by 8-bit reads$/,
    );
    assert.match(card().type('wG').lines.at(-2) ?? '', /^0xff8 = 0xfffefdfcfbfaf9f8 \(/);
  });

  test('what a field counts is said, and an error that is set stands out', () => {
    const it = card();
    it.bytes.set([1, 5], 0xf0);
    it.type(':LINK\r');
    assert.match(it.lines.at(-2) ?? '', /DELAY\[11:8\]=5×8ns {2}LOST\[0\]=1/);
    const bad = it.browser
      ?.lines(SIZE)
      .flat()
      .filter(({ look }) => look === 'bad');
    assert.deepEqual(
      bad?.map(({ text }) => text),
      ['1'],
    );
  });

  test('an answer that comes late is one to what was asked', () => {
    const it = card();
    const press = (text: string): void => {
      it.browser = it.browser?.press({ name: 'text', text }, SIZE);
    };
    press('r');
    const first = it.browser?.wants(SIZE);
    assert.ok(first);
    // Asked again meanwhile: what was read before that is not enough.
    press('r');
    it.browser = it.browser?.heard(first, it.answer(first));
    assert.equal(it.browser?.wants(SIZE)?.why, 'look');
    // Read by another width, it may be something else.
    press('w');
    it.browser = it.browser?.heard(first, it.answer(first));
    assert.equal(it.cursor, '0000[................]');
  });

  test('names of registers stand beside their rows', () => {
    assert.match(card({}, { columns: 80, rows: 12 }).lines[3] ?? '', /^0020 .* STATUS FIFO$/);
  });

  test('what reading changes is not read until asked, once, and stays then', () => {
    const it = card().type(':FIFO\r');
    it.bytes.set([1, 2, 3, 4], 0x28);
    assert.equal(it.cursor, '0020[--------]');
    assert.match(it.lines.at(-2) ?? '', /FIFO 32-bit rclr = not read: reading changes it, ! reads it/);
    it.asked.length = 0;
    it.type('!');
    assert.equal(it.cursor, '0020[04030201]');
    assert.match(it.lines.at(-2) ?? '', /0x04030201 as it was read when asked for/);
    it.bytes.set([9, 9, 9, 9], 0x28);
    it.type('r');
    assert.equal(it.cursor, '0020[04030201]');
    assert.match(it.lines.at(-2) ?? '', /as it was read when asked for/);
    assert.deepEqual(it.asked, ['asked 28+4 32', 'look 0+90 32']);
  });

  test('what has changed since the last look is marked', () => {
    const it = card();
    const row = () => it.lines[1] ?? '';
    it.bytes[4] = 7;
    it.type('r');
    assert.match(row(), /^0000\[00000000\]00000007\*00000000 /);
    it.type('r');
    assert.match(row(), /^0000\[00000000\]00000007 00000000 /);
    it.bytes[8] = 1;
    it.type('r');
    assert.match(row(), / 00000001\*/);
    it.type('m');
    assert.match(row(), /^0000\[00000000\]00000007 00000001 /);
    // What went out of sight is looked at anew when it comes back.
    it.type('G');
    it.bytes[12] = 1;
    it.type('g');
    assert.match(row(), / 00000001 00000001\*/);
  });

  test('at a rate, what has changed since it began stays marked', () => {
    const it = card().type('R');
    assert.equal(it.browser?.rate, 1000);
    assert.match(it.lines[0] ?? '', /every 1000 ms/);
    const tick = () => {
      it.browser = it.browser?.refreshed();
      it.settle();
    };
    it.bytes[4] = 7;
    tick();
    tick();
    assert.match(it.lines[1] ?? '', /\]00000007\*/);
    it.bytes[4] = 0;
    tick();
    assert.match(it.lines[1] ?? '', /\]00000000 /);
    assert.equal(it.type('RRR').browser?.rate, 0);
  });

  const searches: readonly (readonly [keys: string, cursor: string, foot: RegExp])[] = [
    ['/"PQRS"\r', '0150[53525150]', /^found at 0x150$/],
    ['/PQR\r', '0150[53525150]', /^found at 0x150$/],
    ['/51 52\r', '0150[53525150]', /^found at 0x151$/],
    ['/0x5453\r', '0150[53525150]', /^found at 0x153$/],
    ['e/0x5354\r', '0150[50515253]', /^found at 0x153$/],
    ['/51 52\rn', '0250[53525150]', /^found at 0x251$/],
    ['/51 52\rnN', '0150[53525150]', /^found at 0x151$/],
    ['/51 52\rN', '0f50[53525150]', /^found at 0xf51$/],
    // Around the end, and not in what faults.
    ['G/00 01 02\r', '0100[03020100]', /^found at 0x100$/],
    [':0x1f0\r/00 01 02\r', '0300[03020100]', /^found at 0x300$/],
    ['/zz\r', '0000[00000000]', /^it is not there$/],
    ['n', '0000[00000000]', /looks for something first/],
  ];
  for (const [keys, cursor, foot] of searches)
    test(`${JSON.stringify(keys)} finds ${cursor}`, () => {
      const it = card().type(keys);
      assert.equal(it.cursor, cursor);
      assert.match(it.foot, foot);
    });

  test('looking for something in a long region is seen, and can be stopped', () => {
    const it = card({ size: 1 << 20 }).type('');
    it.browser = new KeyDecoder()
      .push('/zz\r')
      .reduce<Browser | undefined>((one, key) => one?.press(key, SIZE), it.browser);
    const wanted = it.browser?.wants(SIZE);
    assert.ok(wanted?.why === 'hunt');
    assert.match(it.foot, /^looking at 0x1, Escape stops$/);
    it.browser = it.browser?.heard(wanted, it.answer(wanted));
    assert.match(it.foot, /^looking at 0x2001, Escape stops$/);
    const late = it.browser?.wants(SIZE);
    it.browser = it.browser?.press({ name: 'escape', text: '' }, SIZE);
    assert.match(it.foot, /^stopped looking$/);
    if (late) it.browser = it.browser?.heard(late, it.answer(late));
    assert.match(it.foot, /^stopped looking$/);
  });

  test('a value is written when that was allowed, once, and confirmed by what is read back', () => {
    const it = card().type(':STATUS\r=');
    assert.match(it.foot, /^Write to card\/bar0\? y n$/);
    assert.match(it.type('n').foot, /^nothing is written$/);
    it.asked.length = 0;
    it.type('=y0x8');
    assert.match(it.foot, /^STATUS = 0x8 {2}0x8$/);
    assert.deepEqual(it.asked.splice(0), []);
    it.type('0\r');
    assert.match(it.foot, /^wrote 0x80 to STATUS, reads 0x80$/);
    assert.equal(it.cursor, '0020[00000080]');
    assert.deepEqual(it.asked.splice(0), ['write 20 32 80', 'look 0+80 32']);
    assert.equal(it.browser?.may, true);
    // Not asked again; fields by name, write-1-to-clear ones left alone.
    it.bytes[0x20] = 0x82;
    it.type('r=mode=FAST\r');
    assert.match(it.foot, /^wrote 0x88 to STATUS, reads 0x88$/);
    // Not the register's own width: the register's.
    it.asked.length = 0;
    it.type('w:DMA_SRC\r=0x123456789\r');
    assert.ok(it.asked.includes('write 80 64 123456789'), `${it.asked}`);
  });

  test('keys that arrive in one piece are keys nevertheless', () => {
    const it = card();
    const [key] = new KeyDecoder().push('jj?xl:0x104');
    assert.ok(key);
    it.browser = it.browser?.press(key, SIZE);
    assert.match(it.foot, /^:0x104 {2}0x104$/);
    assert.equal(
      it.browser
        ?.press({ name: 'text', text: 'q' }, SIZE)
        ?.press({ name: 'escape', text: '' }, SIZE)
        ?.press({ name: 'text', text: 'jqj' }, SIZE),
      undefined,
    );
  });

  const edits: readonly (readonly [keys: string, foot: RegExp, wrote?: string])[] = [
    [':0x40\r=y0x40000001\r', /^wrote 0x40000001 to 0x40, reads 0x1$/, 'write 40 32 40000001'],
    ['e:0x40\r=y0x12\r', /^wrote 0x12 to 0x40, reads 0x12$/, 'write 40 32 12000000'],
    [':KICK\r=y1\r', /^wrote 0x1 to KICK; not read back: KICK is write-only$/, 'write 60 32 1'],
    [':ID\r=', /^ID is read-only$/],
    [':STATUS\r=y0x100000000\r', /^0x100000000 has more than 32 bits$/],
    [':STATUS\r=ybusy=1\r', /^BUSY is read-only$/],
    [':STATUS\r=ynone=1\r', /^STATUS has no field none$/],
    [':STATUS\r=y1\x03', /help/],
    [':0x40\r=yx\r', /^x is no number/],
  ];
  for (const [keys, foot, wrote] of edits)
    test(`${JSON.stringify(keys)} ${wrote ? 'writes' : 'writes nothing'}`, () => {
      const it = card().type(keys);
      assert.match(it.foot, foot);
      assert.deepEqual(
        it.asked.filter((one) => one.startsWith('write')),
        wrote === undefined ? [] : [wrote],
      );
    });

  test('of several registers under the cursor the one that was gone to is meant', () => {
    const it = card();
    const pair = [register('LOW', 0x40, 'rw'), register('HIGH', 0x44, 'rw'), register('MORE', 0x48, 'rw')];
    it.browser = Browser.of(
      { path: 'card/bar0', size: 4096, base: '0', writable: true, offset: 0, width: 64, registers: pair },
      true,
    );
    it.settle();
    it.asked.length = 0;
    it.type(':HIGH\r=7\r');
    assert.deepEqual(
      it.asked.filter((one) => one.startsWith('write')),
      ['write 44 32 7'],
    );
    assert.match(it.lines.at(-3) ?? '', /HIGH 32-bit/);
    assert.match(it.type('\t').lines.at(-2) ?? '', /MORE/);
    it.type('\x1b[Z\x1b[Z');
    assert.match(it.lines.at(-3) ?? '', /LOW 32-bit/);
    // Another width, the same place.
    assert.match(it.type('\tW').lines.at(-2) ?? '', /HIGH/);
  });

  test('one write after the other: none is lost while the kernel is busy', () => {
    const it = card().type(':STATUS\r=y\x03');
    const press = (bytes: string): void => {
      for (const key of new KeyDecoder().push(bytes)) it.browser = it.browser?.press(key, SIZE);
    };
    press('=1\r');
    const first = it.browser?.wants(SIZE);
    assert.ok(first?.why === 'edit' && first.value === 1n);
    press('=2\r');
    assert.match(it.foot, /^still waiting for the kernel$/);
    press('!');
    assert.deepEqual(it.browser?.wants(SIZE), first);
    it.browser = it.browser?.heard(first, it.answer(first));
    assert.match(it.foot, /^wrote 0x1 to STATUS, reads 0x1$/);
  });

  test('what cannot be written is not', () => {
    assert.match(card({ writable: false }).type('=').foot, /^card\/bar0 cannot be written$/);
  });

  test('the end of the card is said, what was seen stays, and nothing is asked any more', () => {
    const it = card().type(':0x104\rR');
    it.gone = 'card: read32: the device was closed';
    it.type('r');
    assert.match(it.foot, /^nothing is read any more, q leaves: card: read32: the device was closed$/);
    assert.equal(it.cursor, '0100[07060504]');
    it.asked.length = 0;
    it.type('jr=!/zz\rn');
    assert.deepEqual(it.asked, []);
    assert.equal(it.browser?.rate, 0);
    assert.match(it.type('=').foot, /^nothing is read any more/);
    assert.equal(it.type('q').browser, undefined);
  });

  test('the help tells every key, page by page; q, Escape and Ctrl-C leave', () => {
    const it = card({}, { columns: 40, rows: 12 }).type('?');
    const help = [...it.lines, ...it.type(' ').lines];
    for (const [keys, does] of HELP) {
      const line = help.find((one) => one.startsWith(keys) && one.includes(does));
      assert.ok(line !== undefined && columns(line) <= 40, `${keys} in\n${help.join('\n')}`);
    }
    assert.equal(it.type('x').cursor, '0000[00000000]');
    assert.equal(it.type('?').type('\x03').cursor, '0000[00000000]');
    for (const key of ['q', '\x03', '\x04']) assert.equal(card().type(key).browser, undefined);
  });

  test('fits any terminal: no line too wide, none too many, the cursor always visible', () => {
    for (const columnsWide of [20, 40, 41, 57, 80, 200])
      for (const rows of [1, 2, 3, 5, 24])
        for (const base of ['0', `${0xffff_ffff_f000n}`])
          for (const keys of ['', 'w', 'ww', 'www', 'G', ':STATUS\r', '?', '/"a long text that is typed', ':x']) {
            const it = new Card({ columns: columnsWide, rows }, { base }).type(keys);
            const what = `${columnsWide}x${rows} ${keys} ${base}`;
            assert.ok(it.lines.length <= rows, what);
            for (const line of it.lines) assert.ok(columns(line) <= columnsWide, `${what}: ${line}`);
            if (rows >= 3 && columnsWide >= 40 && keys !== '?')
              assert.ok(
                it.lines.some((line) => line.includes('[')),
                `${what}\n${it.lines.join('\n')}`,
              );
          }
  });

  const widths: readonly (readonly [columns: number, keys: string, row: string])[] = [
    [40, '', '0100 03020100 07060504 ........'],
    [40, 'ww', '0100 00 01 02 03 04 05 06 07 ........'],
    [80, '', '0100 03020100 07060504 0b0a0908 0f0e0d0c ................'],
    [80, 'ww', '0100 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f ................'],
    [200, 'w', '0100 0706050403020100 0f0e0d0c0b0a0908 ................'],
  ];
  for (const [columnsWide, keys, row] of widths)
    test(`${columnsWide} columns, ${JSON.stringify(keys)}`, () => {
      const it = card({}, { columns: columnsWide, rows: 30 }).type(`${keys}:0x180\r`);
      assert.ok(it.lines.includes(row), it.lines.join('\n'));
    });

  test('a buffer that ends within a number is shown as far as there are whole ones', () => {
    const it = card({ size: 100, width: 8 }).type('G');
    assert.equal(it.cursor, '0060[00]');
    assert.match(it.type('w').lines.join('\n'), /^0060 0000\[0000\]/m);
    assert.match(it.type('ww').lines.join('\n'), /^0060\[\.{16}\]/m);
  });

  test('beside a buffer stands the IOVA, and it is a place to go to', () => {
    const it = card({ base: `${0x10000}` }).type(':0x10104\r');
    assert.equal(it.cursor, '10100[07060504]');
    assert.equal(it.type(':0x108\r').cursor, '10100[0b0a0908]');
  });
});

describe('what is typed', () => {
  const browsed = { size: 0x1000, base: '0', registers: REGISTERS } as unknown as Browsed;
  test('places that are none', () => {
    for (const [text, why] of [
      ['0x1000', /outside/],
      ['-1', /outside/],
      ['nowhere', /no register nowhere/],
    ] as const) {
      const meant = place(text, browsed, 0);
      assert.ok('no' in meant && why.test(meant.no), JSON.stringify(meant));
    }
  });
  test('bytes', () => {
    for (const [text, bytes] of [
      ['de ad', 'dead'],
      ['DEAD', 'dead'],
      ['0xdead', 'adde'],
      ['0xead', 'ad0e'],
      ['"de ad"', '6465206164'],
      ['hé', '68c3a9'],
    ] as const) {
      const meant = needle(text, false);
      assert.ok('ok' in meant && Buffer.from(meant.ok).toString('hex') === bytes, text);
    }
  });
  test('values', () => {
    assert.deepEqual(value('0b1000_0000', 8, undefined, undefined), { ok: 128n });
    assert.deepEqual(value('0xffff_ffff_ffff_ffffn', 64, undefined, undefined), { ok: 0xffff_ffff_ffff_ffffn });
    const [, status] = REGISTERS;
    assert.deepEqual(value('irq=1, mode=2', 32, status, 0x1f02n), { ok: 0x1f88n });
    assert.deepEqual(value('done=1', 32, status, 0x83n), { ok: 0x83n });
    assert.ok('no' in value('irq=1', 32, status, undefined));
    assert.ok('no' in value('irq=2', 32, status, 0n));
    assert.ok('no' in value('irq=1', 32, undefined, 0n));
  });
});
