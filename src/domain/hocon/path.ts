import { quote } from '../../base/diagnostic.ts';

/** A piece of a path expression as it stands in the file. */
export interface PathPart {
  readonly kind: 'word' | 'quoted' | 'space';
  readonly text: string;
}

/** HOCON, "Path expressions": `a."b.c".d` has three elements. Undefined when an element is empty and not quoted. */
export function parsePath(parts: readonly PathPart[]): readonly string[] | undefined {
  const elements: string[] = [];
  let element: string | undefined;
  for (const { kind, text } of withoutMargins(parts)) {
    const [first = '', ...more] = kind === 'word' ? text.split('.') : [text];
    if (kind !== 'word' || first !== '') element = (element ?? '') + first;
    for (const next of more) {
      if (element === undefined) return undefined;
      elements.push(element);
      element = next === '' ? undefined : next;
    }
  }
  return element === undefined ? undefined : [...elements, element];
}

/** Blanks before and behind are no part of a path, those in between are. */
function withoutMargins(parts: readonly PathPart[]): readonly PathPart[] {
  const from = parts[0]?.kind === 'space' ? 1 : 0;
  return parts.slice(from, parts.at(-1)?.kind === 'space' ? -1 : undefined);
}

/** A path as one would write it in a file; a very long one without its middle. */
export function joinedPath(path: readonly string[]): string {
  if (path.length > 16) return `${joinedPath(path.slice(0, 8))}...${joinedPath(path.slice(-7))}`;
  return path.map(key => (/^[\w-]{1,64}$/.test(key) ? key : quote(key))).join('.');
}
