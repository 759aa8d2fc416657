/** What the three threads of a kernel say to each other: main (cells and devices), io (sockets), compiler (TypeScript). */
import type { Standing } from './live.js';
import type { MapFacts } from './maps.js';
import type { ViewData } from '../lib/view.js';
import type { Connection } from './connection.js';

export type MimeBundle = Record<string, unknown>;
export type StreamName = 'stdout' | 'stderr';

/** An error as Jupyter spells it. */
export interface CellError {
  readonly ename: string;
  readonly evalue: string;
  readonly traceback: readonly string[];
}

/** Words of the memory that main and io share. */
export const SHARED_BYTES = 28;
export const SHARED = {
  /** Not zero: every loop of a cell stops at its next turn. */
  STOP: 0,
  /** Counts the interrupts that main has heard. */
  HEARD: 1,
  /** What the output weighs that main has sent and io has not taken yet. */
  UNTAKEN: 2,
  /** Counts the messages that main has sent to io. */
  SENT: 3,
  /** Count what io has read from the pipes behind stdout and stderr, in bytes. */
  READ: 4,
  /** Not zero: main has an async hook under which Node would abort if a cell were terminated. The word after READ's two. */
  HOOKED: 6,
} as const;

/** A message has a price of its own, beside its characters. */
export const weight = (text: string): number => text.length + 500;

export interface IoData {
  readonly connection: Connection;
  readonly shared: SharedArrayBuffer;
  /** A port to the compiler, for completion and inspection. */
  readonly compiler: import('node:worker_threads').MessagePort;
  /** A port to main's cards, which io looks after: it hears that one is taken away, and shares them with other processes. */
  readonly cards: import('node:worker_threads').MessagePort;
  /** The process that must live on; when it is gone the kernel ends. */
  readonly parent: number;
  /** Whether this kernel keeps the history; a front end of ours keeps its own. */
  readonly historian: boolean;
}

export interface CompilerData {
  readonly cwd: string;
  readonly io: import('node:worker_threads').MessagePort;
}

/** What happens on a comm: a side channel between a cell and the front end, opened by either. */
export interface CommEvent {
  readonly event: 'open' | 'msg' | 'close';
  readonly id: string;
  readonly target: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** io to main. `cell` numbers every request to run code, silent ones too. */
export type ToMain =
  /** The sockets are bound: the first thing that is said. */
  | { readonly type: 'listening' }
  | {
      readonly type: 'execute';
      readonly cell: number;
      readonly code: string;
      readonly count: number;
      readonly silent: boolean;
      readonly expressions: Readonly<Record<string, string>>;
    }
  | { readonly type: 'interrupt'; readonly cell: number | undefined }
  /** io cannot hear SIGINT; pass it on. */
  | { readonly type: 'hearSigint' }
  /** The front end's side of a comm. */
  | ({ readonly type: 'comm' } & CommEvent)
  /** What was answered to a cell's `input()`, or why nothing was. */
  | { readonly type: 'input'; readonly id: number; readonly value?: string; readonly failure?: string }
  | { readonly type: 'shutdown' };

/** A rich output: MIME types, and the View behind them where there is one. */
export interface Rich {
  readonly data: MimeBundle;
  readonly metadata: Record<string, unknown>;
  readonly view?: ViewData | undefined;
}

/** main to io: outputs in order, then `done`. */
export type ToIo =
  | { readonly type: 'stream'; readonly cell: number; readonly name: StreamName; readonly text: string }
  | ({ readonly type: 'result'; readonly cell: number } & Rich)
  | ({
      readonly type: 'display' | 'update';
      readonly cell: number;
      readonly displayId?: string;
      readonly standing?: Standing;
    } & Rich)
  | { readonly type: 'clear'; readonly cell: number; readonly wait: boolean }
  | {
      readonly type: 'done';
      readonly cell: number;
      readonly error?: CellError;
      readonly expressions: Readonly<Record<string, unknown>>;
    }
  | {
      readonly type: 'input';
      readonly cell: number;
      readonly id: number;
      readonly prompt: string;
      readonly password: boolean;
    }
  /** A cell's side of a comm. */
  | ({ readonly type: 'comm'; readonly cell: number | undefined } & CommEvent)
  | { readonly type: 'sigint' }
  /** fds 1 and 2 lead to pipes now, and these are the ends to read; `log` is what fd 2 was. */
  | { readonly type: 'pipes'; readonly stdout: number; readonly stderr: number; readonly log: number }
  /** Main has nothing more to do: close the sockets. */
  | { readonly type: 'end' };

/** What the compiler made of a cell. */
export interface Compiled {
  /** The body of a function `(exports, require, …)`; see session.ts. */
  readonly code: string;
  readonly async: boolean;
  /** What it imports, as written. */
  readonly imports: readonly string[];
  /** Files of those imports that tsconfig's `paths` names. */
  readonly aliases: Readonly<Record<string, string>>;
  /** Top-level names that it declares as values. */
  readonly names: readonly string[];
  /** Where the last expression's value is, among the exports. */
  readonly result: string | undefined;
  /** Source maps, the last step first. */
  readonly maps: readonly string[];
  /** Emitted JavaScript of the user's own .ts files that the cell imports. */
  readonly files: readonly { readonly path: string; readonly code: string; readonly maps: readonly string[] }[];
}

/** One complaint of the type checker. Lines and columns from 1; no position: about the cell as a whole. */
export interface Diagnostic {
  readonly file: string | undefined;
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
  readonly code: number;
  readonly message: string;
}

export type CompileResult = { readonly ok: Compiled } | { readonly diagnostics: readonly Diagnostic[] };

export interface CompletionMatch {
  readonly text: string;
  readonly kind: string;
  /** Its type; of a register or field where it is, its access and reset value. */
  readonly detail?: string;
  /** The first line of its documentation. */
  readonly doc?: string;
  /** Of a register or field: what its map cites. */
  readonly reference?: string;
}

/** Offsets in UTF-16 units. */
export interface Completion {
  readonly matches: readonly CompletionMatch[];
  readonly start: number;
  readonly end: number;
}

/** The call that the cursor is in. */
export interface Signature {
  /** `dma(memory: number | Uint8Array, options?: DmaOptions): DmaBuffer`. */
  readonly label: string;
  /** label[start, end) is the parameter that is being given. */
  readonly parameter?: readonly [start: number, end: number];
  /** What is said of that parameter, or of the function: one line. */
  readonly doc?: string;
}

export interface Inspection {
  /** Type and documentation of what is at the cursor; of the function in whose parentheses it is where nothing is there. */
  readonly text?: string;
  readonly signature?: Signature;
}

export interface IsComplete {
  readonly status: 'complete' | 'incomplete' | 'invalid' | 'unknown';
  readonly indent: string;
}

/** Questions to the compiler, and what each is answered with. */
export interface Questions {
  compile: { readonly ask: { readonly code: string }; readonly answer: CompileResult };
  /** The last compiled cell ran: its declarations hold, all of them or those named; and what register maps are among its values. */
  commit: {
    readonly ask: { readonly names: readonly string[] | 'all'; readonly maps: Readonly<Record<string, MapFacts>> };
    readonly answer: null;
  };
  complete: { readonly ask: { readonly code: string; readonly cursor: number }; readonly answer: Completion };
  inspect: {
    /** `only` the signature: for a hint while somebody types, for which no more types are loaded. */
    readonly ask: { readonly code: string; readonly cursor: number; readonly only?: 'signature' };
    readonly answer: Inspection;
  };
  isComplete: { readonly ask: { readonly code: string }; readonly answer: IsComplete };
}

export type Question = keyof Questions;
export type AskFrame = { readonly id: number; readonly question: Question; readonly ask: unknown };
export type AnswerFrame = { readonly id: number; readonly answer?: unknown; readonly failure?: string };
