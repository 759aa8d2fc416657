/** What an executed notebook shows, to compare one run with another: the outputs, in the order of the cells. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHECKOUT } from './guest.js';

export const EDU_NOTEBOOK = join(CHECKOUT, 'notebooks', 'edu.ipynb');

interface Saved {
  readonly cells: readonly { readonly cell_type: string; readonly outputs?: readonly Record<string, unknown>[] }[];
}

/**
 * Each code cell's outputs. The card's own name and driver are replaced, cells are
 * not counted, and the stylesheet is left out, which the first thing shown by a kernel has: runs on different cards compare.
 */
export function shown(path: string, spec: string): Record<string, unknown>[][] {
  const text = readFileSync(path, 'utf8')
    .replaceAll(spec, 'CARD')
    .replaceAll(
      /recording of [a-z]+:[\da-f:.]+|(?:simulator|vfio-pci, (?:group \d+|iommufd(?:, VT-d)?))(?:, recorded)?/g,
      'DRIVER',
    )
    .replaceAll(/\bIn\[\d+\]/g, 'In');
  const { cells } = JSON.parse(text) as Saved;
  return cells
    .filter(({ cell_type }) => cell_type === 'code')
    .map(({ outputs = [] }) =>
      outputs.map(({ execution_count: _, data, ...output }) => ({ ...output, ...plain(data) })),
    );
}

/** Lines are one text, without the stylesheet and without ERR, which newer kernels (7.3) have for each card. */
function plain(data: unknown): Record<string, string> {
  const texts = Object.entries((data ?? {}) as Record<string, string | readonly string[]>);
  return Object.fromEntries(
    texts.map(([type, text]) => [
      type,
      [text]
        .flat()
        .join('')
        .replace(/^<style>.*?<\/style>/s, '')
        .replaceAll(/^(<tr><td class="name">ERR<| +ERR ).*\n/gm, ''),
    ]),
  );
}
