/**
 * A notebook file: nbformat 4.5 as data, read and written as Jupyter writes it (keys sorted, one blank of indent, texts as lists of
 * lines), so that a notebook executed here and one executed there differ in nothing.
 *
 * Ref: https://nbformat.readthedocs.io/en/latest/format_description.html
 */
import { accessSync, closeSync, constants, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Output } from '../kernel/client.js';
import { SystemError, UsageError } from '../lib/errors.js';

/** A text as the file has it: whole, or a list of lines. */
type Multiline = string | readonly string[];
type Json = Record<string, unknown>;

export interface NotebookCell extends Json {
  cell_type: string;
  id?: string;
  metadata: Json & { tags?: readonly string[] };
  source: Multiline;
  outputs?: NotebookOutput[];
  execution_count?: number | null;
}

type Bundle = Record<string, unknown>;
export type NotebookOutput =
  | { output_type: 'stream'; name: 'stdout' | 'stderr'; text: Multiline }
  | { output_type: 'display_data'; data: Bundle; metadata: Json }
  | { output_type: 'execute_result'; data: Bundle; metadata: Json; execution_count: number }
  | { output_type: 'error'; ename: string; evalue: string; traceback: readonly string[] };
type Display = Extract<NotebookOutput, { output_type: 'display_data' }>;

export interface Notebook extends Json {
  nbformat: number;
  nbformat_minor: number;
  metadata: { kernelspec?: { language?: unknown } };
  cells: NotebookCell[];
}

/**
 * @throws SystemError where the file cannot be read, UsageError where it is no notebook of format 4, or one of another language.
 */
export function readNotebook(file: string): Notebook {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).code;
    throw new SystemError({
      ...{ path: file, attempted: 'read', reason: 'the notebook cannot be read', errno, cause },
      hint: 'check the path and its permissions',
    });
  }
  return parseNotebook(text, file);
}

/** @param file for the errors; see `readNotebook`. */
export function parseNotebook(text: string, file: string): Notebook {
  const wrong = (reason: string, hint: string) => new UsageError({ path: file, attempted: 'read', reason, hint });
  let notebook: Notebook;
  try {
    notebook = JSON.parse(text);
  } catch {
    throw wrong('not JSON, so no notebook', 'give an .ipynb file');
  }
  if (notebook?.nbformat !== 4 || !Array.isArray(notebook.cells)) {
    throw wrong('not a notebook of format 4', "convert it with 'jupyter nbconvert --to notebook'");
  }
  const language = notebook.metadata?.kernelspec?.language;
  if (typeof language === 'string' && language.toLowerCase() !== 'typescript') {
    throw wrong(`its language is ${language}`, 'vfiolab runs TypeScript notebooks; run this one in Jupyter');
  }
  return withIds(notebook);
}

/** Format 4.5 wants an id a cell: an older notebook gets 'cell-1', 'cell-2', … */
function withIds(notebook: Notebook): Notebook {
  notebook.nbformat_minor = Math.max(5, notebook.nbformat_minor);
  for (const [index, cell] of notebook.cells.entries()) cell.id ??= `cell-${index + 1}`;
  return notebook;
}

/** Before a long run rather than after it. @throws SystemError where `file` cannot be written. */
export function checkWritable(file: string): void {
  try {
    if (existsSync(file)) closeSync(openSync(file, 'r+'));
    else accessSync(dirname(resolve(file)), constants.W_OK);
  } catch (cause) {
    throw notWritable(file, cause);
  }
}

export function writeNotebook(file: string, notebook: Notebook): void {
  try {
    writeFileSync(file, notebookText(notebook));
  } catch (cause) {
    throw notWritable(file, cause);
  }
}

function notWritable(file: string, cause: unknown): SystemError {
  const errno = (cause as NodeJS.ErrnoException).code;
  return new SystemError({
    ...{ path: file, attempted: 'write', reason: 'the notebook cannot be written', errno, cause },
    hint: 'give -o a file in a folder you may write to',
  });
}

/** The file's text. */
export function notebookText(notebook: Notebook): string {
  const cells = notebook.cells.map((cell) => ({ ...cell, source: linesOf(textOf(cell.source)) }));
  return `${JSON.stringify(sorted({ ...notebook, cells }), undefined, 1)}\n`;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, one]) => [key, sorted(one)]),
  );
}

export function textOf(text: unknown): string {
  return Array.isArray(text) ? text.join('') : String(text ?? '');
}

/** The line ends that Python's str.splitlines knows. */
const END = '\\n\\r\\v\\f\\x1c-\\x1e\\x85\\u2028\\u2029';
const LINE = new RegExp(`[^${END}]*(?:\\r\\n|[${END}])|[^${END}]+`, 'g');

/** Lines with their ends. */
function linesOf(text: string): readonly string[] {
  return text.match(LINE) ?? [];
}

/** The outputs of one cell after another; an `update` reaches back into the cells before. */
export class OutputRecorder {
  #outputs: NotebookOutput[] = [];
  #clearAtNext = false;
  readonly #displays = new Map<string, Display[]>();

  /** The cell that outputs go into from now on. */
  begin(cell: NotebookCell): void {
    this.#outputs = [];
    this.#clearAtNext = false;
    cell.outputs = this.#outputs;
  }

  add(output: Output): void {
    if (output.type === 'update') {
      for (const shown of this.#displays.get(output.displayId ?? '') ?? []) {
        shown.data = bundleOf(output.data);
        shown.metadata = output.metadata;
      }
      return;
    }
    if (output.type === 'clear') {
      this.#clearAtNext = output.wait;
      if (!output.wait) this.#outputs.length = 0;
      return;
    }
    if (this.#clearAtNext) this.#outputs.length = 0;
    this.#clearAtNext = false;
    const last = this.#outputs.at(-1);
    if (output.type === 'stream' && last?.output_type === 'stream' && last.name === output.name) {
      last.text = linesOf(textOf(last.text) + output.text);
      return;
    }
    const saved = savedForm(output);
    this.#outputs.push(saved);
    if (saved.output_type === 'display_data' && output.type === 'display' && output.displayId !== undefined) {
      this.#displays.set(output.displayId, [...(this.#displays.get(output.displayId) ?? []), saved]);
    }
  }
}

function savedForm(output: Exclude<Output, { type: 'clear' }>): NotebookOutput {
  switch (output.type) {
    case 'stream':
      return { output_type: 'stream', name: output.name, text: linesOf(output.text) };
    case 'error': {
      const { ename, evalue, traceback } = output;
      return { output_type: 'error', ename, evalue, traceback };
    }
    case 'result': {
      const { count, data, metadata } = output;
      return { output_type: 'execute_result', execution_count: count, data: bundleOf(data), metadata };
    }
    default:
      return { output_type: 'display_data', data: bundleOf(output.data), metadata: output.metadata };
  }
}

/** Texts become lists of lines; JSON data stays as it is. */
function bundleOf(data: Readonly<Bundle>): Bundle {
  return Object.fromEntries(
    Object.entries(data).map(([type, value]) => [
      type,
      typeof value === 'string' && type !== 'application/json' ? linesOf(value) : value,
    ]),
  );
}

/** An output as a terminal shows it. */
export function outputText(output: NotebookOutput): string {
  switch (output.output_type) {
    case 'stream':
      return textOf(output.text);
    case 'error':
      return output.traceback.join('\n');
    default:
      return textOf(output.data['text/plain']);
  }
}
