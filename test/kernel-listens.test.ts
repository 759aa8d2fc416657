/** A kernel listens where its connection file says, and nowhere else. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { MAIN, NODE_FLAGS } from '../kernel/process.js';
import { Bench, until } from './kernel-bench.js';
import { freePorts } from './ports.js';

const folder = mkdtempSync(path.join(tmpdir(), 'listens-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** TCP_LISTEN of include/net/tcp_states.h, as /proc/net/tcp tells it. */
const LISTEN = '0A';

/** The tcp sockets that a process listens on, `address:port` in the hexadecimal of /proc/net/tcp. */
function listening(pid: number): string[] {
  const sockets = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return [/^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1]];
      } catch {
        return []; // closed meanwhile
      }
    }),
  );
  return ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , state, , , , , , inode]) => state === LISTEN && sockets.has(inode))
      .map(([, local]) => String(local)),
  );
}

describe('where a kernel listens', { timeout: 120_000 }, () => {
  test('tcp: the five ports of the connection file, on its address', async () => {
    const ports = await freePorts(5);
    const [shell_port, iopub_port, stdin_port, control_port, hb_port] = ports;
    const file = path.join(folder, 'connection.json');
    const named = { shell_port, iopub_port, stdin_port, control_port, hb_port };
    const how = { transport: 'tcp', ip: '127.0.0.1', signature_scheme: 'hmac-sha256', key: 'secret' };
    writeFileSync(file, JSON.stringify({ ...how, ...named }));
    const kernel = spawn(process.execPath, [...NODE_FLAGS, MAIN, file], { stdio: 'ignore' });
    try {
      const pid = Number(kernel.pid);
      await until(() => listening(pid).length >= ports.length, 'the kernel listens', 60_000);
      // 127.0.0.1, as the table has it: the bytes of the address in memory's order.
      const wanted = ports.map((port) => `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`);
      assert.deepEqual(listening(pid).sort(), wanted.sort());
    } finally {
      kernel.kill('SIGKILL');
    }
  });

  test('ipc: no tcp at all, also with a card open and cells run', async () => {
    const bench = await Bench.start();
    try {
      const { reply } = await bench.run("const dev = open('sim:edu'); await new Promise((r) => setTimeout(r, 10))");
      assert.equal(reply.status, 'ok', reply.evalue);
      assert.deepEqual(listening(bench.kernel.pid), []);
      // What would be seen is seen.
      await bench.run("import { createServer } from 'node:net'; const server = createServer();");
      await bench.run("await new Promise<void>((heard) => server.listen(0, '127.0.0.1', heard))");
      assert.equal(listening(bench.kernel.pid).length, 1);
    } finally {
      await bench.end();
    }
  });
});
