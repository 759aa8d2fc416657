/** The prompt in terminals of 40, 80 and 200 columns: wide characters, long pastes, resizing during output, completion. */
// biome-ignore-all lint/suspicious/noControlCharactersInRegex: colours are escape sequences
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are cells
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { needs } from './needs.js';
import { idle, Tmux } from './tmux.js';

const CLI = join(import.meta.dirname, '..', 'repl', 'cli.js');
const folder = mkdtempSync(join(tmpdir(), 'vfiolab-prompt-'));
after(() => rmSync(folder, { recursive: true, force: true }));

let serial = 0;

function prompt(columns: number): Tmux {
  const env = { XDG_STATE_HOME: join(folder, `${serial++}`), CI: 'true' };
  return new Tmux(`'${process.execPath}' '${CLI}' repl sim:edu`, { columns, env });
}

/** Waits for what the terminal tells of itself. */
async function eventually(terminal: Tmux, check: () => void): Promise<void> {
  for (let n = 0; ; n++) {
    try {
      return check();
    } catch (error) {
      if (n > 600) throw new Error(`${error}\n${terminal.text()}`);
    }
    await delay(50);
  }
}

/** The last line of what is being typed; the status line is below it. */
const last = (terminal: Tmux): string => terminal.screen().findLast((line) => !/^sim:edu {2}/.test(line)) ?? '';
/** What a row of digits is long for `columns`, to fill its line but for `left` columns. */
const upTo = (columns: number, left: number): string => '1234567890'.repeat(20).slice(0, columns - 3 - left);

for (const columns of [40, 80, 200])
  describe(`at ${columns} columns`, needs('tmux'), () => {
    test('wide characters and emoji at the edge, edited and resized; a paste of 200 lines; resizing during output', async () => {
      using terminal = prompt(columns);
      await idle(terminal, 2);

      // One column is left: the wide character goes to the next line whole.
      terminal.type(`'${upTo(columns, 2)}`);
      terminal.type('漢👍🏽');
      await eventually(terminal, () => assert.equal(last(terminal), '   漢👍🏽'));
      await eventually(terminal, () => assert.deepEqual(terminal.cursor(), [7, 3]));
      terminal.keys('BSpace', 'BSpace', 'BSpace');
      await eventually(terminal, () => assert.equal(last(terminal), `2> '${upTo(columns, 3)}`));
      terminal.keys('C-u');
      const digits = upTo(columns, 20);
      terminal.type(`'${digits}é漢字👍🏽🇩🇪'`);
      await eventually(terminal, () => assert.equal(last(terminal), `2> '${digits}é漢字👍🏽🇩🇪'`));
      await eventually(terminal, () => assert.deepEqual(terminal.cursor(), [columns - 9, 2]));
      terminal.keys('Left', 'Left');
      await eventually(terminal, () => assert.deepEqual(terminal.cursor(), [columns - 12, 2]));
      terminal.resize(columns - 12, 20);
      await eventually(terminal, () => assert.equal(last(terminal), "   🇩🇪'"));
      terminal.type('x');
      await eventually(terminal, () => assert.equal(last(terminal), "   x🇩🇪'"));
      terminal.resize(columns, 24);
      await eventually(terminal, () => assert.equal(last(terminal), `2> '${digits}é漢字👍🏽x🇩🇪'`));
      terminal.keys('C-e', 'Enter');
      await idle(terminal, 3);
      assert.ok(terminal.text().includes(`\n'${digits}é漢字👍🏽x🇩🇪'\n3>`), terminal.text());
      assert.equal(terminal.text().match(/^2> /gm)?.length, 1, terminal.text());

      const lines = Array.from(
        { length: 198 },
        (_, n) => `  // ${n}: 漢字 👍 ${'long '.repeat(n % 12)}\n  sum += ${n};`,
      );
      terminal.paste(`let sum = 0;\n{\n${lines.join('\n')}\n}\n`);
      await terminal.until(/^ {3}}$/m);
      assert.ok(terminal.screen().length <= 24);
      terminal.keys('M-<');
      await terminal.until(/^3> let sum = 0;$/m);
      terminal.keys('M->');
      await eventually(terminal, () => assert.equal(last(terminal), '   }'));
      terminal.keys('Enter');
      terminal.enter('sum');
      await idle(terminal, 5);
      assert.match(terminal.text(), /^4> sum\n19503 \(0x4c2f\)\n5>$/m);

      terminal.enter(
        'for (let n = 0; n < 60; n++) { console.log(`line ${n} 漢字`); await new Promise((f) => setTimeout(f, 25)) }',
      );
      await terminal.until(/^line 3 /m);
      terminal.type('typed meanwhile');
      for (const size of [
        [columns - 10, 20],
        [columns + 10, 12],
        [columns - 3, 30],
        [columns, 24],
      ] as const) {
        terminal.resize(size[0], size[1]);
        await eventually(terminal, () => assert.deepEqual(terminal.told(), size));
      }
      await terminal.until(/^line 59 漢字$/m);
      await terminal.until(/\x1b\[34m(?:\x1b\[\d*m)*6> /, { colours: true });
      // What tmux wrapped once it takes for one line ever after.
      const said = terminal.text().match(/line \d+ 漢字/g) ?? [];
      assert.deepEqual(
        said,
        Array.from({ length: 60 }, (_, n) => `line ${n} 漢字`),
        terminal.text(),
      );
      await eventually(terminal, () => assert.equal(last(terminal), '6> typed meanwhile'));
      assert.equal(terminal.text().match(/typed meanwhile/g)?.length, 1, terminal.text());
      await eventually(terminal, () => assert.equal(terminal.cursor()[0], '6> typed meanwhile'.length));

      terminal.keys('C-u');
      terminal.type('edu.DMA_');
      terminal.keys('Tab');
      await terminal.until(/^ DMA_CMD +register +0x98, 64-bit rw/m);
      terminal.keys('Tab');
      await terminal.until(/^6> edu\.DMA_SRC$(?:.|\n)*^ (?:.*, )?Ref: QEMU docs\/specs\/edu$/m);
      terminal.type('.write(');
      await terminal.until(/^6> edu\.DMA_SRC\.write\(\nwrite\(value: /m);
      for (const line of terminal.screen()) assert.ok(line.length <= columns, line);
    });
  });
