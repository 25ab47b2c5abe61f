import { formatDiagnostic } from '../../../../src/base/diagnostic.ts';
import type { ReadInclude } from '../../../../src/domain/hocon/build.ts';
import { type HoconDocument, readHocon } from '../../../../src/domain/hocon/read.ts';
import type { HoconObject, HoconValue } from '../../../../src/domain/hocon/tree.ts';

/** Files in memory, found by their bare names. */
export function filesOf(files: Readonly<Record<string, string>>): ReadInclude {
  return name =>
    Object.hasOwn(files, name) ? { kind: 'text', file: name, text: files[name] ?? '' } : { kind: 'missing' };
}

export function read(text: string, files: Readonly<Record<string, string>> = {}): HoconDocument {
  return readHocon(text, 'main.conf', filesOf(files));
}

/** The root of a good document. */
export function rootOf(text: string, files: Readonly<Record<string, string>> = {}): HoconObject {
  const { root, problems } = read(text, files);
  if (problems.length > 0) throw new Error(problems.map(formatDiagnostic).join('\n'));
  return root;
}

/** One line for each problem. */
export function problemsOf(text: string, files: Readonly<Record<string, string>> = {}): string[] {
  return read(text, files).problems.map(formatDiagnostic);
}

/** What JSON.parse would have made of it. */
export function plain(value: HoconValue): unknown {
  if (value.kind === 'object')
    return Object.fromEntries([...value.fields].map(([key, field]) => [key, plain(field)]));
  if (value.kind === 'list') return value.items.map(plain);
  return value.kind === 'string' ? value.text : JSON.parse(value.text);
}
