/** A browser for tests, and a notebook server: Debian's Chromium, driven by playwright-core, and Debian's classic notebook. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { until } from './kernel-bench.js';

/** With VFIOLAB_TEST_SCREENS=1 screenshots of the run are left here: to be looked at, not to be committed. */
const SCREENS = path.join(import.meta.dirname, '..', 'screens');

export function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
}

export async function screenshot(page: Page, name: string): Promise<void> {
  if (process.env.VFIOLAB_TEST_SCREENS !== '1') return;
  mkdirSync(SCREENS, { recursive: true });
  await page.screenshot({ path: path.join(SCREENS, `${name}.png`), fullPage: true });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (typeof address !== 'object' || address === null) throw new Error('no port is free');
  return address.port;
}

export class NotebookServer {
  readonly url: string;
  readonly #child: ChildProcess;

  /** Serves `folder`, and finds kernels under `prefix`. */
  static async start(folder: string, prefix: string): Promise<NotebookServer> {
    const port = await freePort();
    const settings = ['token=', 'password=', 'open_browser=False', 'ip=127.0.0.1', `port=${port}`, 'port_retries=0'];
    const words = [...settings.map((each) => `--NotebookApp.${each}`), '--allow-root', `--notebook-dir=${folder}`];
    const child = spawn('/usr/bin/jupyter-notebook', words, {
      cwd: folder,
      env: { ...process.env, HOME: prefix, JUPYTER_PATH: path.join(prefix, 'share/jupyter') },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr?.on('data', (text) => {
      said += text;
    });
    const url = `http://127.0.0.1:${port}`;
    let up = false;
    const ask = async (): Promise<void> => {
      for (; !up && child.exitCode === null; await new Promise((done) => setTimeout(done, 100))) {
        up = await fetch(`${url}/api`).then(
          ({ ok }) => ok,
          () => false,
        );
      }
    };
    void ask();
    await until(() => up || child.exitCode !== null, 'the notebook server starts', 120_000);
    if (child.exitCode !== null) throw new Error(`the notebook server ended: ${said}`);
    return new NotebookServer(url, child);
  }

  private constructor(url: string, child: ChildProcess) {
    this.url = url;
    this.#child = child;
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.kill('SIGTERM');
    const killed = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    await once(this.#child, 'exit');
    clearTimeout(killed);
  }
}
