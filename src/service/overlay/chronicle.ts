import { type Diagnostic, formatDiagnostic } from '../../base/diagnostic.ts';
import type { Meter } from '../../base/meter.ts';
import type { Log } from '../../base/ports.ts';
import { type BuildReport, eachOnce, type FolderReport } from './report.ts';

/** Says what became of the folders: each change once, and at any time what is wrong now. */
export class BuildChronicle {
  readonly #log: Log;
  readonly #meter: Meter;
  #said: ReadonlyMap<string, string> = new Map();
  #refused: ReadonlyMap<string, readonly Diagnostic[]> = new Map();
  #problems = 0;

  constructor(ports: { log: Log; meter: Meter }) {
    this.#log = ports.log;
    this.#meter = ports.meter;
  }

  tell({ folders, problems, removed, worked }: BuildReport): void {
    for (const { outcome } of worked) this.#meter.count('pxen_overlay_builds_total', { outcome });
    const now = new Map(folders.filter(isRefused).map(report => [report.folder, textOf(report.problems)]));
    const news = folders.filter(
      report => isRefused(report) && this.#said.get(report.folder) !== now.get(report.folder),
    );
    const mended = folders.filter(report => this.#said.has(report.folder) && !isRefused(report));
    for (const problem of eachOnce(news.flatMap(report => report.problems)))
      this.#log.warn('overlay', formatDiagnostic(problem));
    this.#list(
      'warn',
      'refused, the last good overlay stays',
      news.filter(report => report.served),
    );
    this.#list(
      'warn',
      'refused, no overlay is served',
      news.filter(report => !report.served),
    );
    this.#list('info', 'in order again', mended);
    this.#list(
      'info',
      'built',
      worked.filter(({ outcome }) => outcome === 'built'),
    );
    this.#list(
      'info',
      'removed with their folders',
      removed.map(folder => ({ folder })),
    );
    this.#said = now;
    this.#refused = new Map(folders.filter(isRefused).map(report => [report.folder, report.problems]));
    this.#problems = problems.length;
  }

  /** What is wrong in a folder, a line each. */
  problemsOf(folder: string): readonly string[] {
    return (this.#refused.get(folder) ?? []).map(formatDiagnostic);
  }

  health(): string | undefined {
    if (this.#problems === 0) return undefined;
    return `${this.#problems === 1 ? '1 problem' : `${this.#problems} problems`} in /host0; see: mesh system configure --check`;
  }

  #list(level: 'info' | 'warn', what: string, folders: readonly Pick<FolderReport, 'folder'>[]): void {
    if (folders.length === 0) return;
    const names = folders.slice(0, NAMED).map(({ folder }) => folder);
    const more = folders.length > NAMED ? ` and ${folders.length - NAMED} more` : '';
    this.#log[level]('overlay', `${what}: ${names.join(', ')}${more}`);
  }
}

/** Folder names in one line of the log. */
const NAMED = 8;

function isRefused({ outcome }: FolderReport): boolean {
  return outcome === 'refused';
}

function textOf(problems: readonly Diagnostic[]): string {
  return problems.map(formatDiagnostic).join('\n');
}
