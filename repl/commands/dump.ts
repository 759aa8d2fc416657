/** `vfiolab dump`: a region as a hexdump, as JSON, or as bytes in a file. Reads what was asked for and nothing else. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import type { Width } from '../../lib/backend.js';
import { dumpText } from '../../lib/config/dump.js';
import { slotOf } from '../../lib/config/filter.js';
import { SystemError, UsageError } from '../../lib/errors.js';
import { hexdump } from '../../lib/hexdump.js';
import type { Region } from '../../lib/region.js';
import { openCard } from './card.js';
import type { Call } from './command.js';
import { parsePlace, parseWidth } from './operand.js';
import { hexOf, printJson, printLine, printView } from './output.js';
import { usageError } from './parse.js';

/** Bytes read at a time; between two chunks signals are answered. A multiple of every width and of a hexdump's row. */
const CHUNK = 64 * 1024;

export async function dump(call: Call): Promise<number> {
  const [spec = '', place = ''] = call.operands;
  const { region: name, offset = 0, length: given } = parsePlace(call, place);
  const width = parseWidth(call);
  const file = call.values.get('output');
  if (file !== undefined && call.flags.has('json')) {
    throw usageError('dump', '--json -o', 'two forms for one output', 'use --json or -o FILE');
  }
  const format = call.values.get('format');
  if (format !== undefined && (format !== 'lspci' || place !== 'config')) {
    throw usageError(
      'dump',
      `--format ${format}`,
      'there is one format, for all of config',
      'use config --format lspci',
    );
  }
  using device = openCard(call, spec);
  const region = device.region(name);
  if (format !== undefined) {
    const text = dumpText(slotOf(device.path), region.readBlock(0, region.size, 32));
    if (file === undefined) printLine(text);
    else await writeBytes(only(new TextEncoder().encode(text)), file);
    return 0;
  }
  const length = given ?? Math.max(0, region.size - offset);
  const chunks = read(region, offset, length, width, call.signal);

  if (file !== undefined) await writeBytes(chunks, file);
  else if (call.flags.has('json')) {
    const values: (number | bigint)[] = [];
    for await (const { bytes } of chunks) values.push(...valuesOf(bytes, width));
    printJson({ spec, region: name, offset, length, width, values });
  } else {
    let title = region.path;
    for await (const { at, bytes } of chunks) {
      printView(hexdump(bytes, { base: at, width, title }));
      title = '';
    }
  }
  return 0;
}

async function* only(bytes: Uint8Array): AsyncGenerator<Chunk> {
  yield { at: 0, bytes };
}

interface Chunk {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** The range's end is checked before its first byte is read; `readBlock` checks the rest. */
async function* read(region: Region, from: number, length: number, width: Width, signal: AbortSignal) {
  if (length % (width / 8) !== 0 || from + length > region.size) {
    throw new UsageError({
      path: `${region.path}+${hexOf(from, 0)}`,
      attempted: `dump ${length} bytes`,
      reason: `the length is not a multiple of ${width / 8}, or ends past the region's ${hexOf(region.size, 0)} bytes`,
      hint: 'give a shorter LENGTH, or --width 8 where the device takes single bytes',
    });
  }
  for (let done = 0; done === 0 || done < length; done += CHUNK) {
    signal.throwIfAborted();
    const at = from + done;
    const chunk: Chunk = { at, bytes: region.readBlock(at, Math.min(CHUNK, length - done), width) };
    yield chunk;
    await turn();
  }
}

/** The file is made, or truncated, when the first bytes are there: a refused dump leaves an old one alone. */
async function writeBytes(chunks: AsyncIterable<Chunk>, file: string): Promise<void> {
  if (file === '-') {
    for await (const { bytes } of chunks) process.stdout.write(bytes);
    return;
  }
  let fd: number | undefined;
  try {
    for await (const { bytes } of chunks) {
      fd ??= create(file);
      for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
    }
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function create(file: string): number {
  try {
    return openSync(file, 'w');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new SystemError({
      path: file,
      attempted: 'open for writing',
      reason: 'the file cannot be written',
      errno: code,
      hint: 'give -o a file in a folder you may write to',
      cause: error,
    });
  }
}

function valuesOf(bytes: Uint8Array, width: Width): (number | bigint)[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const at = {
    8: (index: number) => view.getUint8(index),
    16: (index: number) => view.getUint16(index, true),
    32: (index: number) => view.getUint32(index, true),
    64: (index: number) => view.getBigUint64(index, true),
  }[width];
  return Array.from({ length: bytes.length / (width / 8) }, (_, index) => at((index * width) / 8));
}
