/**
 * Files that change under a session: the user's own are looked at before each cell, packages are taken as they are, and an
 * import that failed is looked for again. No watcher of the operating system: a folder may be huge, and the converter holds
 * one pending rebuild only, its own.
 */
import { statSync } from 'node:fs';
import type { BuilderProgram, FileWatcherCallback, Path, System, WatchCompilerHost } from 'typescript';
import { ts } from './typescript.js';

const isPackaged = (file: string): boolean => file.includes('/node_modules/');

const modified = (file: string): number | undefined => statSync(file, { throwIfNoEntry: false })?.mtimeMs;

export class UserFiles {
  readonly #watched = new Map<string, { readonly callback: FileWatcherCallback; seen: number | undefined }>();

  constructor(sys: System) {
    const close = (): void => {};
    sys.watchDirectory = () => ({ close });
    sys.watchFile = (file, callback) => {
      if (isPackaged(file)) return { close };
      this.#watched.set(file, { callback, seen: modified(file) });
      return { close: () => this.#watched.delete(file) };
    };
  }

  /** Tells TypeScript of every file that changed since the last time. */
  refresh(): void {
    for (const [file, watched] of this.#watched) {
      const now = modified(file);
      if (now === watched.seen) continue;
      watched.seen = now;
      const { Changed, Deleted } = ts.FileWatcherEventKind;
      watched.callback(file, now === undefined ? Deleted : Changed);
    }
  }

  /** Imports of the user's files are resolved anew each time, those of packages once. */
  resolveFor<T extends BuilderProgram>(host: WatchCompilerHost<T>, cwd: string): void {
    const packages = ts.createModuleResolutionCache(cwd, (name) => name);
    host.hasInvalidatedResolutions = (file: Path) => !isPackaged(file);
    host.resolveModuleNameLiterals = (literals, file, redirected, options, source) => {
      const cache = isPackaged(file) ? packages : undefined;
      return literals.map((literal) => {
        const mode = ts.getModeForUsageLocation(source, literal, options);
        return ts.resolveModuleName(literal.text, file, options, ts.sys, cache, redirected, mode);
      });
    };
  }
}
