/** A notebook fit to be committed: what differs from run to run, or from one program to the next, is left out. */
import type { Notebook, NotebookCell } from './notebook.js';

type Json = Record<string, unknown>;

/** What is kept of metadata: what authors write. Programs' own marks, times and states are not. */
const OF_NOTEBOOK = ['kernelspec', 'language_info', 'title', 'authors', 'vfiolab'];
const OF_CELL = ['tags', 'name', 'slideshow', 'raw_mimetype', 'format', 'editable', 'deletable', 'jupyter'];
const OF_LANGUAGE = ['name', 'file_extension', 'mimetype', 'codemirror_mode', 'pygments_lexer', 'nbconvert_exporter'];

/** The notebook, cleaned in place; with `outputs: false` also of its outputs. */
export function clean(notebook: Notebook, { outputs = true }: { outputs?: boolean } = {}): Notebook {
  const metadata = only(notebook.metadata, OF_NOTEBOOK) as Json;
  // The version is that of the kernel that happened to run it.
  if (isObject(metadata.language_info)) metadata.language_info = only(metadata.language_info, OF_LANGUAGE);
  notebook.metadata = metadata as Notebook['metadata'];
  const code = notebook.cells.filter((cell) => cell.cell_type === 'code');
  const inOrder = isOneRun(code);
  for (const cell of notebook.cells) {
    cell.metadata = only(cell.metadata, OF_CELL) as NotebookCell['metadata'];
    if (cell.cell_type !== 'code') continue;
    if (!outputs) cell.outputs = [];
    if (!outputs || !inOrder) number(cell, null);
  }
  return notebook;
}

/** Numbered as one run from top to bottom numbers them: another run gives the same. */
function isOneRun(code: readonly NotebookCell[]): boolean {
  const counts = code.map((cell) => cell.execution_count ?? null).filter((count) => count !== null);
  return counts.every((count, index) => count === index + 1);
}

function number(cell: NotebookCell, count: number | null): void {
  cell.execution_count = count;
  for (const output of cell.outputs ?? []) {
    if (output.output_type === 'execute_result') (output as { execution_count: number | null }).execution_count = count;
  }
}

function only(object: Readonly<Json>, keys: readonly string[]): Json {
  return Object.fromEntries(Object.entries(object).filter(([key]) => keys.includes(key)));
}

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null;
