/** Config space to look at: what folds, what stands out, and that a picture has the same lines as lspci. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import { capabilitiesOf } from '../lib/config/walk.js';
import { headerOf } from '../lib/config/layout.js';
import { lspciText } from '../lib/config/text.js';
import { lspciView } from '../lib/config/tones.js';
import { toHtml } from '../lib/html.js';
import { open } from '../lib/open.js';
import { toText } from '../lib/print.js';
import { type Cell, type View, viewOf } from '../lib/view.js';
import { EXTENDED, random, STANDARD, some, space } from './config/synthetic.js';
import { table } from '../repl/table.js';
import { lineText } from '../repl/line.js';

/** An endpoint whose link is x4 of x16 and 2.5 of 16 GT/s, with errors in DEVSTA, AER and STATUS; an unknown capability; a BAR. */
function ailing(): Uint8Array {
  const bytes = new Uint8Array(4096);
  const view = new DataView(bytes.buffer);
  view.setUint32(0x00, 0x11e8_1234, true);
  view.setUint32(0x04, 0x8010_0006, true);
  view.setUint32(0x10, 0xfebf_000c, true);
  bytes[0x34] = 0x40;
  bytes.set([0x10, 0x80, 0x02, 0x00], 0x40);
  view.setUint16(0x4a, 0x0019, true);
  view.setUint32(0x4c, (16 << 4) | 4, true);
  view.setUint16(0x52, (4 << 4) | 1, true);
  bytes.set([0x7e, 0x00, 0xaa, 0xbb], 0x80);
  view.setUint32(0x100, 0x0001_0001, true);
  view.setUint32(0x104, 1 << 20, true);
  return bytes;
}

const pictureOf = (value: unknown): View => {
  const view = viewOf(value);
  assert.ok(view !== undefined);
  return view;
};
const cells = (view: View): Cell[] => view.rows.flat();
const toned = (view: View, tone: string) =>
  cells(view)
    .filter((cell) => cell.tone === tone)
    .map(({ text }) => text);

describe('a card that ails', () => {
  const bytes = ailing();
  const at = { bytes, path: '0000:03:00.0/config' };
  const all = capabilitiesOf(at);
  const view = pictureOf(all);

  test('its capabilities are a line each', () => {
    assert.deepEqual(
      toText(view)
        .split('\n')
        .map((line) => line.replace(/ {2,}/g, '  ')),
      [
        "0000:03:00.0/config  3 capabilities; dev.cap('EXP') shows one whole",
        '  0x40  EXP  PCI Express  Endpoint  2.5GT/s of 16GT/s, x4 of x16  errors: UNSUPPORTED CORRECTABLE',
        '  0x80  0x7e  unknown',
        '  0x100  AER  Advanced Error Reporting  errors: UNSUPPORTED',
      ],
    );
    assert.equal(inspect(all), toText(view));
    assert.equal(table(view, 200).map(lineText).length, 4);
  });
  test('the link below its capability is a warning', () => {
    assert.deepEqual(toned(view, 'warn'), ['2.5GT/s of 16GT/s, x4 of x16']);
    assert.deepEqual(toned(pictureOf(all[0]), 'warn'), ['below LNKCAP: 2.5GT/s of 16GT/s, x4 of x16']);
  });
  test('one that is as fast and as wide as it could be is none', () => {
    const sound = ailing();
    new DataView(sound.buffer).setUint16(0x52, (16 << 4) | 4, true);
    assert.deepEqual(toned(pictureOf(capabilitiesOf({ bytes: sound, path: '' })), 'warn'), []);
    for (const [status, text] of [
      [(16 << 4) | 3, '8GT/s of 16GT/s, x16'],
      [(8 << 4) | 4, '16GT/s, x8 of x16'],
    ] as const) {
      new DataView(sound.buffer).setUint16(0x52, status, true);
      assert.deepEqual(toned(pictureOf(capabilitiesOf({ bytes: sound, path: '' })), 'warn'), [text]);
    }
  });
  test('errors that are pending are bad: in the overview, in the capability, in the register', () => {
    assert.deepEqual(toned(view, 'bad'), ['errors: UNSUPPORTED CORRECTABLE', 'errors: UNSUPPORTED']);
    assert.deepEqual(toned(pictureOf(all[0]), 'bad'), ['UNSUPPORTED  CORRECTABLE']);
    const [express] = all;
    assert.ok(express?.name === 'EXP');
    assert.deepEqual(toned(pictureOf(express.DEVSTA), 'bad'), ['1', '1']);
    assert.equal(express.DEVSTA.AUX_POWER, 1);
    assert.deepEqual(toned(pictureOf(headerOf(at)), 'bad'), ['PARITY_ERROR']);
  });
  test('a capability is a line a register, with what is set in it', () => {
    const lines = toText(pictureOf(all[0])).split('\n');
    assert.match(
      lines[0] ?? '',
      /^0000:03:00\.0\/config\+0x40 EXP {2}PCI Express: Endpoint, 2\.5GT\/s of 16GT\/s, x4 of x16/,
    );
    assert.ok(
      lines.some((line) => /^ +0x4a +DEVSTA +0x0019 +UNSUPPORTED {2}CORRECTABLE +AUX_POWER$/.test(line)),
      lines.join('\n'),
    );
    assert.ok(
      lines.some((line) =>
        /^ +0x52 +LNKSTA +0x0041 +below LNKCAP: 2\.5GT\/s of 16GT\/s, x4 of x16 +WIDTH=4 {2}SPEED=2\.5GT\/s/.test(line),
      ),
    );
    assert.ok(lines.some((line) => line.endsWith('PCI Express Base 6.0, 7.5.3')));
  });
  test('in HTML they fold: a capability, a register, its fields', () => {
    const html = toHtml(view);
    assert.match(
      html,
      /<summary>.*<span class="warn">2\.5GT\/s of 16GT\/s, x4 of x16<\/span>.*<span class="bad"><b>errors: UNSUPPORTED CORRECTABLE/,
    );
    const exp = html.slice(html.indexOf('>EXP<'), html.indexOf('>0x7e<'));
    assert.match(
      exp,
      /errors: UNSUPPORTED CORRECTABLE.*<\/summary>.*<details><summary>.*LNKSTA.*below LNKCAP.*<\/summary>.*<td class="name">SPEED/s,
    );
    assert.equal(view.folds?.length, 3);
    assert.ok((html.match(/<details>/g)?.length ?? 0) > 12);
  });
  test('an unknown capability is its bytes', () => {
    assert.match(toText(pictureOf(all[1])), /config\+0x80 0x7e {2}unknown capability\n +0x80 {2}7e 00 aa bb 00/);
  });
  test('the header has its BARs, with their sizes where they are known', () => {
    const text = toText(pictureOf(headerOf(at, new Map([[0, 0x10_0000]]))));
    assert.match(text, /\n +BAR 0 +0xfebf0000 {2}memory 64-bit prefetchable, 0x100000 bytes$/);
    assert.match(text, /\n +0x04 {2}COMMAND +0x0006 {2}MASTER {2}MEM\n/);
  });
  test('as data they are what they were', () => {
    assert.deepEqual(Object.keys(all[0] ?? {}).slice(0, 7), [
      'name',
      'id',
      'extended',
      'offset',
      'version',
      'next',
      'CAP',
    ]);
    const json = JSON.parse(JSON.stringify({ header: headerOf(at), all }));
    assert.equal(json.all[0].LNKSTA.SPEED, '2.5GT/s');
    assert.deepEqual(json.all[0].LNKSTA.units, { WIDTH: 'lanes' });
    assert.deepEqual(json.all[1].bytes.slice(0, 4), [0x7e, 0, 0xaa, 0xbb]);
    assert.deepEqual(json.header.bars, [
      { index: 0, kind: 'memory', type: '64-bit', prefetchable: true, address: '0xfebf0000', raw: 0xfebf_000c },
    ]);
  });
});

describe("lspci's words", () => {
  const options = { slot: '0000:03:00.0' };
  test('are the same lines as a View', () => {
    const view = lspciView(ailing(), options);
    assert.equal(`${toText(view)}\n`, lspciText(ailing(), options));
    assert.deepEqual(toned(view, 'warn'), ['2.5GT/s (downgraded)', 'x4 (downgraded)']);
    assert.deepEqual(toned(view, 'bad'), ['<PERR+', 'CorrErr+', 'UnsupReq+', 'UnsupReq+']);
    assert.ok(toned(view, 'value').includes('BusMaster+') && toned(view, 'dim').includes('SERR-'));
    assert.ok(toned(view, 'name').includes(' Express (v2) Endpoint'));
  });
  test('and the open device says them', () => {
    using device = open('sim:edu');
    const view = device.config.lspci();
    assert.match(toText(view), /^00:00\.0 .*\n\tControl: I\/O\+ Mem\+ BusMaster- /s);
  });
});

test('pictures of whatever is in config space', () => {
  const next = random(21);
  for (let round = 0; round < 300; round += 1) {
    const size = [4096, 256, 64, 1 + next(4096)][next(4)] ?? 0;
    const bytes = space(next, some(next, STANDARD).slice(0, 4), some(next, EXTENDED).slice(0, 4), 4096).slice(0, size);
    if (round % 20 === 0) bytes.fill(round % 40 === 0 ? 0xff : 0);
    const view = lspciView(bytes, { slot: '00:00.0' });
    assert.equal(
      `${toText(view)}\n`.replace(/\n+$/, '\n'),
      lspciText(bytes, { slot: '00:00.0' }).replace(/\s+$/, '\n'),
    );
    const all = capabilitiesOf({ bytes, path: 'card/config' });
    for (const value of [headerOf({ bytes, path: 'card/config' }), all, ...all])
      assert.ok(toHtml(pictureOf(value)).length > 0);
  }
});
