/** What an executed notebook shows, to compare one run with another: the outputs, in the order of the cells. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHECKOUT } from './guest.js';

export const EDU_NOTEBOOK = join(CHECKOUT, 'notebooks', 'edu.ipynb');

interface Saved {
  readonly cells: readonly { readonly cell_type: string; readonly outputs?: readonly Record<string, unknown>[] }[];
}

/** Each code cell's outputs. The card's own name and driver are replaced, and cells not counted, so that runs on different cards compare. */
export function shown(path: string, spec: string): Record<string, unknown>[][] {
  const text = readFileSync(path, 'utf8')
    .replaceAll(spec, 'CARD')
    .replaceAll(
      /recording of [a-z]+:[\da-f:.]+|(?:simulator|vfio-pci, (?:group \d+|iommufd(?:, VT-d)?))(?:, recorded)?/g,
      'DRIVER',
    );
  const { cells } = JSON.parse(text) as Saved;
  return cells
    .filter(({ cell_type }) => cell_type === 'code')
    .map(({ outputs = [] }) => outputs.map(({ execution_count: _, ...output }) => output));
}
