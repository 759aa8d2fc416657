/** Notebooks as people see them: in the classic notebook, and as nbconvert's pages, light and dark; in a real browser. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { STYLESHEET, toHtml } from '../lib/html.js';
import { View } from '../lib/view.js';
import { install } from '../kernel/kernelspec.js';
import { LineChild, PYTHON } from './bench/child.js';
import { NotebookServer, openBrowser, screenshot } from './browser.js';
import { needs } from './needs.js';
import { vfiolab } from './vfiolab.js';

const NOTEBOOKS = path.join(import.meta.dirname, '../../notebooks');
/** For one thing to be seen, milliseconds: kernels start slowly on a busy machine. */
const PATIENCE = 90_000;

const cell = (source: string) => ({ cell_type: 'code', metadata: {}, source, outputs: [], execution_count: null });
const SESSION = [
  "const dev = open('sim:edu'); const edu = dev.bar(0).registers(EDU)\ndev.bar(0).dump(0, 64)",
  "let ticks = 0\nwatch(() => new View('ticks', [], [[String(++ticks)]]), { every: 100 })",
];

let launched: Promise<Browser> | undefined;
/** One for all of these tests, once somebody needs it. */
const theBrowser = (): Promise<Browser> => {
  launched ??= openBrowser();
  return launched;
};
after(async () => (await launched)?.close());

describe('the classic notebook', { timeout: 600_000, ...needs('jupyter', 'browser') }, () => {
  let folder: string;
  let server: NotebookServer;
  let page: Page;
  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'browser-'));
    install({ prefix: folder });
    const kernelspec = { name: 'vfiolab', display_name: 'TypeScript (vfiolab)', language: 'typescript' };
    const notebook = { nbformat: 4, nbformat_minor: 4, metadata: { kernelspec }, cells: SESSION.map(cell) };
    writeFileSync(path.join(folder, 'session.ipynb'), JSON.stringify(notebook));
    const [begun, browser] = await Promise.all([NotebookServer.start(folder, folder), theBrowser()]);
    server = begun;
    page = await browser.newPage({ viewport: { width: 1100, height: 1000 } });
    page.setDefaultTimeout(PATIENCE);
    await page.goto(`${server.url}/notebooks/session.ipynb`);
    await page.waitForFunction('window.Jupyter?.notebook?.kernel?.info_reply?.status === "ok"');
  });
  after(async () => {
    await page?.close();
    await server?.end();
    rmSync(folder, { recursive: true });
  });

  const outputs = (index: number) => page.locator('.code_cell').nth(index).locator('.output_area');
  /** An entry of a menu, as a hand would choose it. */
  async function choose(menu: string, entry: string): Promise<void> {
    await page.click(menu);
    await page.click(entry);
  }
  async function newCell(code: string): Promise<void> {
    await choose('#insertlink', '#insert_cell_below');
    await page.locator('.code_cell.selected .CodeMirror').click();
    await page.keyboard.insertText(code);
  }
  const busy = () => page.waitForFunction('document.querySelector("#kernel_indicator_icon.kernel_busy_icon") !== null');
  const idle = () => page.waitForFunction('document.querySelector("#kernel_indicator_icon.kernel_idle_icon") !== null');

  test('run all: the hexdump is a table in its colours, the live table lives', async () => {
    await choose('#celllink', '#run_all_cells');
    const dump = outputs(0).locator('table');
    await dump.waitFor();
    assert.match((await dump.textContent()) ?? '', /00000000010000ed 00000000/);
    assert.match(
      await page.evaluate("getComputedStyle(document.querySelector('samp.vfiolab td')).fontFamily"),
      /monospace/,
    );
    const live = outputs(1).locator('samp.vfiolab');
    await live.waitFor();
    const said = await live.textContent();
    await page.waitForFunction(
      `document.querySelectorAll('.code_cell')[1].querySelector('samp.vfiolab').textContent !== ${JSON.stringify(said)}`,
    );
    assert.equal(await outputs(1).count(), 1);
    await screenshot(page, 'classic-live');
    await choose('#kernellink', '#int_kernel');
    await idle();
    assert.match((await outputs(1).last().textContent()) ?? '', /KeyboardInterrupt/);
  });

  test('Tab completes a register', async () => {
    await newCell('edu.');
    await page.keyboard.press('Tab');
    const choices = page.locator('#complete.completions option');
    await choices.first().waitFor({ state: 'attached' });
    const names = await choices.allTextContents();
    for (const name of ['STATUS', 'IRQ_STATUS', 'DMA_CMD']) assert.ok(names.includes(name), names.join());
    await screenshot(page, 'classic-completion');
    await page.keyboard.press('Escape');
    await page.locator('.code_cell.selected .CodeMirror').click();
    await page.keyboard.press('Control+End');
    await page.keyboard.insertText('STATU');
    await page.keyboard.press('Tab');
    await page.waitForFunction("Jupyter.notebook.get_selected_cell().get_text() === 'edu.STATUS'");
  });

  test('a loop is interrupted, and the session goes on', async () => {
    await newCell('for (;;) {}');
    await page.keyboard.press('Control+Enter');
    await busy();
    await choose('#kernellink', '#int_kernel');
    const last = (await page.locator('.code_cell').count()) - 1;
    await page.waitForFunction(
      `document.querySelectorAll('.code_cell')[${last}].querySelector('.output_error') !== null`,
    );
    assert.match((await outputs(last).textContent()) ?? '', /KeyboardInterrupt/);
    await newCell("'went on ' + edu.ID.read().MAGIC.toString(16)");
    await page.keyboard.press('Control+Enter');
    await outputs(last + 1)
      .getByText("'went on ed'")
      .waitFor();
  });

  test('browse() is a hexdump where there is no browser for it, and nothing breaks', async () => {
    await newCell('browse(dev.bar(0), { offset: 0x20 })');
    await page.keyboard.press('Control+Enter');
    const last = (await page.locator('.code_cell').count()) - 1;
    await outputs(last).locator('table').waitFor();
    assert.match((await outputs(last).textContent()) ?? '', /sim:edu\/bar0.*00000020/s);
    await page.waitForFunction('Object.keys(Jupyter.notebook.kernel.comm_manager.comms).length === 0');
    assert.equal(await outputs(last).count(), 1);
    assert.equal(await page.locator('.modal-dialog').count(), 0);
    await newCell("'and on'");
    await page.keyboard.press('Control+Enter');
    await outputs(last + 1)
      .getByText("'and on'")
      .waitFor();
  });

  test('a restart begins anew, and the card can be opened again', async () => {
    // What it said of itself before would do for an answer.
    await page.evaluate("Jupyter.notebook.events.one('kernel_ready.Kernel', () => { window.begun = true }); 0");
    await choose('#kernellink', '#restart_kernel');
    await page.locator('.modal-dialog .btn-danger').click();
    await page.waitForFunction('window.begun === true');
    await page.locator('.modal-dialog').waitFor({ state: 'detached' });
    await newCell('typeof (globalThis as { edu?: unknown }).edu');
    await page.keyboard.press('Control+Enter');
    const last = (await page.locator('.code_cell').count()) - 1;
    await outputs(last).getByText("'undefined'").waitFor();
    const prompt = await page.locator('.code_cell').nth(last).locator('.input_prompt').textContent();
    assert.equal(prompt?.replace(/\s/g, ' '), 'In [1]:');
    await newCell("open('sim:edu').path");
    await page.keyboard.press('Control+Enter');
    await outputs(last + 1)
      .getByText("'sim:edu'")
      .waitFor();
    await screenshot(page, 'classic-restarted');
  });
});

/** For each text of our tables: how its colour stands out from what is behind it. */
const CONTRASTS = `() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgb = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return { rgb: [r, g, b], a: a / 255 };
  };
  const over = (front, back, a) => front.map((each, i) => each * a + back[i] * (1 - a));
  const light = (c) => {
    const [r, g, b] = c.map((each) => (each / 255 <= 0.03928 ? each / 255 / 12.92 : ((each / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    if (!element) return [255, 255, 255];
    const { rgb: own, a } = rgb(getComputedStyle(element).backgroundColor);
    return a === 1 ? own : over(own, behind(element.parentElement), a);
  };
  return [...document.querySelectorAll('.vfiolab td, .vfiolab th, .vfiolab b, .vfiolab mark, .vfiolab svg text')]
    .filter((element) => element.textContent.trim() !== '' && element.getClientRects().length > 0)
    .map((element) => {
      const style = getComputedStyle(element);
      const back = behind(element);
      const text = rgb(element.tagName === 'text' ? style.fill : style.color);
      const front = over(text.rgb, back, text.a * Number(style.opacity));
      const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
      return { text: element.textContent, contrast: (a + 0.05) / (b + 0.05) };
    });
}`;

/** `jupyter nbconvert --to html --template … --theme …`, one line a page: it takes longer to start than to convert, and a look's templates are read once. */
const CONVERT = `
import json, sys
from nbconvert import HTMLExporter
exporters = {}
for line in sys.stdin:
    job = json.loads(line)
    look = json.dumps(job['options'])
    exporters[look] = exporters.get(look) or HTMLExporter(**job['options'])
    page, _ = exporters[look].from_filename(job['notebook'])
    with open(job['out'], 'w', encoding='utf-8') as file: file.write(page)
    print(job['out'], flush=True)
`;

describe('nbconvert', { timeout: 600_000, ...needs('jupyter', 'browser') }, () => {
  let folder: string;
  let browser: Browser;
  let python: LineChild;
  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'nbconvert-'));
    python = new LineChild(PYTHON, ['-c', CONVERT], { env: { ...process.env, HOME: folder } });
    browser = await theBrowser();
  });
  after(async () => {
    await python?.end();
    rmSync(folder, { recursive: true });
  });

  /** The page's file. */
  function converted(notebook: string, template_name: 'lab' | 'classic', theme = 'light'): Promise<string> {
    const out = path.join(folder, `${path.basename(notebook, '.ipynb')}-${template_name}-${theme}.html`);
    return python.ask(JSON.stringify({ notebook, out, options: { template_name, theme } }));
  }

  test('plots are drawn, and are readable on light and dark', async () => {
    const notebook = path.join(folder, 'plots.ipynb');
    const run = ['run', path.join(NOTEBOOKS, 'interrupts.ipynb'), '-p', 'look=true', '-p', 'count=50', '-o', notebook];
    const { code, stderr } = await vfiolab(run);
    assert.equal(code, 0, stderr);
    const page = await browser.newPage({ viewport: { width: 1100, height: 1000 } });
    for (const theme of ['light', 'dark']) {
      const file = await converted(notebook, 'lab', theme);
      await page.goto(`file://${file}`, { waitUntil: 'domcontentloaded' });
      assert.equal(await page.locator('.vfiolab svg').count(), 2);
      assert.ok((await page.locator('.vfiolab svg rect').count()) > 0);
      assert.equal(await page.locator('.vfiolab svg polyline').count(), 1);
      // What the plot says is not said twice.
      assert.equal(await page.locator('.vfiolab svg + table').first().isVisible(), false);
      const contrasts = (await page.evaluate(`(${CONTRASTS})()`)) as { text: string; contrast: number }[];
      assert.deepEqual(
        contrasts.filter(({ contrast }) => contrast < 4.5),
        [],
        theme,
      );
      await screenshot(page, `plots-${theme}`);
    }
    await page.close();
  });

  test('every tone is readable, light and dark, whichever way the page says it', async () => {
    const tones = ['plain', 'dim', 'name', 'value', 'good', 'warn', 'bad', 'changed'] as const;
    const rows = tones.map((tone) => [{ text: tone, tone }, 'plain']);
    const html =
      STYLESHEET +
      toHtml(
        new View('title', ['tone', ''], rows, {
          plot: { kind: 'bars', x: 'x', y: 'y', edges: ['a', 'b'], counts: [1] },
        }),
      ).replace('</svg>', '</svg><i></i>');
    const page = await browser.newPage();
    const dark = [
      'data-jp-theme-light="false"',
      'data-theme="dark"',
      'data-vscode-theme-kind="vscode-dark"',
      'data-vscode-theme-kind="vscode-high-contrast"',
    ];
    for (const [says, colours] of [
      ['', '#fff;color:#111'],
      ['data-vscode-theme-kind="vscode-light"', '#fff;color:#111'],
      ...dark.map((each) => [each, '#1e1e1e;color:#ddd']),
    ]) {
      await page.setContent(`<!doctype html><body ${says} style="background:${colours}">${html}</body>`);
      const contrasts = (await page.evaluate(`(${CONTRASTS})()`)) as { text: string; contrast: number }[];
      assert.ok(contrasts.length > 2 * tones.length, `${contrasts.length} texts`);
      assert.deepEqual(
        contrasts.filter(({ contrast }) => contrast < 4.5),
        [],
        says,
      );
    }
    await page.close();
  });

  for (const name of readdirSync(NOTEBOOKS).filter((file) => file.endsWith('.ipynb'))) {
    test(`${name} reads well as a page: light, dark, classic, and without any style`, async () => {
      const notebook = path.join(NOTEBOOKS, name);
      const pages = {
        light: await converted(notebook, 'lab'),
        dark: await converted(notebook, 'lab', 'dark'),
        classic: await converted(notebook, 'classic'),
      };
      const page = await browser.newPage({ viewport: { width: 1100, height: 1000 } });
      for (const [look, file] of Object.entries(pages)) {
        const html = readFileSync(file, 'utf8');
        assert.equal(html.match(/<style>\s*\.vfiolab\{/g)?.length, 1, 'the stylesheet is there once');
        await page.goto(`file://${file}`, { waitUntil: 'domcontentloaded' });
        const contrasts = (await page.evaluate(`(${CONTRASTS})()`)) as { text: string; contrast: number }[];
        assert.ok(contrasts.length > 20, `${contrasts.length} texts`);
        const faint = contrasts.filter(({ contrast }) => contrast < 4.5);
        assert.deepEqual(faint, [], look);
        await screenshot(page, `${path.basename(name, '.ipynb')}-${look}`);
      }
      // As GitHub has it: neither stylesheet nor style nor class.
      const bare = readFileSync(pages.light, 'utf8')
        .replace(/<style[\s\S]*?<\/style>|<script[\s\S]*?<\/script>|<svg[\s\S]*?<\/svg>/g, '')
        .replace(/ (style|class)="[^"]*"/g, '');
      const file = path.join(folder, 'bare.html');
      writeFileSync(file, bare);
      await page.goto(`file://${file}`, { waitUntil: 'domcontentloaded' });
      const families = await page.evaluate(
        "[...document.querySelectorAll('td')].map((cell) => getComputedStyle(cell).fontFamily + cell.offsetHeight)",
      );
      assert.deepEqual(
        [...new Set(families as string[])].filter((each) => !each.startsWith('monospace')),
        [],
      );
      await screenshot(page, `${path.basename(name, '.ipynb')}-bare`);
      await page.close();
    });
  }
});
