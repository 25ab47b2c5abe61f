import type { Diagnostic } from '../../base/diagnostic.ts';
import { type Branch, define, emptyBranch, type Layer, merge } from './layers.ts';
import { parseFile } from './parse.ts';
import { joinedPath } from './path.ts';
import type { Expression, Include, ListExpression, ObjectExpression, Substitution } from './syntax.ts';

/** How an include statement is followed. It has to be as if the file had been read at one moment: no promise. */
export type ReadInclude = (name: string, from: string) => Included;

export type Included =
  /** `file` names it in problems, and twice the same name on the way down is a loop. */
  | { readonly kind: 'text'; readonly file: string; readonly text: string }
  | { readonly kind: 'missing' }
  | { readonly kind: 'refused'; readonly reason: string };

/** Includes of includes; also stops those that double at each step. */
const MOST_FILES = 1000;
const MOST_DEPTH = 32;

export interface Built {
  readonly root: Branch;
  readonly problems: readonly Diagnostic[];
}

/** A file and all that it includes, as one document. */
export function buildDocument(text: string, file: string, read: ReadInclude): Built {
  const builder = new Builder(read);
  return {
    root: builder.file(text, { files: [file], path: [], inList: false, prefix: [] }),
    problems: builder.problems,
  };
}

/** Where in the document something stands. */
interface Place {
  /** The file and those that include it, the outermost first. */
  readonly files: readonly string[];
  /** Keys from the root, and numbers in a list. */
  readonly path: readonly string[];
  /** No path of a substitution leads into a list. */
  readonly inList: boolean;
  /** The path of the object into which the file is included; its substitutions look there first. */
  readonly prefix: readonly string[];
}

class Builder {
  readonly problems: Diagnostic[] = [];
  readonly #read: ReadInclude;
  #filesRead = 0;

  constructor(read: ReadInclude) {
    this.#read = read;
  }

  file(text: string, place: Place): Branch {
    const file = place.files.at(-1) ?? '';
    const { root, problems } = parseFile(text, file);
    this.problems.push(...problems);
    if (root.kind === 'object') return this.#object(root, place);
    this.problems.push({ ...root.origin, key: keyOf(place), got: 'a list', expected: 'an object' });
    return emptyBranch(root.origin);
  }

  #object(expression: ObjectExpression, place: Place): Branch {
    const branch = emptyBranch(expression.origin);
    for (const entry of expression.entries) {
      if (entry.kind === 'include') this.#include(branch, entry, place);
      else {
        const inner = { ...place, path: [...place.path, ...entry.path] };
        const value = this.#layer(entry.value, inner);
        const { origin } = value;
        const layer: Layer = entry.append
          ? { kind: 'appended', key: keyOf(inner), items: [value], origin }
          : value;
        this.#put(branch, entry.path, layer);
      }
    }
    return branch;
  }

  /** HOCON, "Paths as keys": `a.b = 1` is `a { b = 1 }`. */
  #put(branch: Branch, path: readonly string[], layer: Layer): void {
    const [key = '', ...rest] = path;
    if (rest.length === 0) {
      define(branch, key, layer);
      return;
    }
    const inner = emptyBranch(layer.origin);
    this.#put(inner, rest, layer);
    define(branch, key, inner);
  }

  #layer(expression: Expression, place: Place): Layer {
    switch (expression.kind) {
      case 'object':
        return this.#object(expression, place);
      case 'list':
        return this.#list(expression, place);
      case 'substitution':
        return reference(expression, place);
      case 'concatenation': {
        const parts = expression.parts.map(part => (part.kind === 'space' ? part : this.#layer(part, place)));
        return { kind: 'joined', key: keyOf(place), parts, origin: expression.origin };
      }
      default:
        return expression;
    }
  }

  #list({ items, origin }: ListExpression, place: Place): Layer {
    const inside = (index: number): Place => ({
      ...place,
      path: [...place.path, String(index)],
      inList: true,
    });
    return { kind: 'list', items: items.map((item, index) => this.#layer(item, inside(index))), origin };
  }

  #include(branch: Branch, { name, required, origin }: Include, place: Place): void {
    const problem = (got: string, expected: string): void => {
      this.problems.push({ ...origin, key: keyOf(place), got, expected });
    };
    const included = this.#read(name, origin.file);
    if (included.kind === 'refused') problem(`include ${JSON.stringify(name)}`, included.reason);
    else if (included.kind === 'missing') {
      if (required) problem(`include ${JSON.stringify(name)}`, 'a file that exists');
    } else if (place.files.includes(included.file))
      problem(
        `an include loop: ${[...place.files.slice(place.files.indexOf(included.file)), included.file].join(' -> ')}`,
        'files that do not include themselves',
      );
    else if (++this.#filesRead > MOST_FILES || place.files.length >= MOST_DEPTH)
      problem(
        `include ${JSON.stringify(name)}`,
        `at most ${MOST_FILES} includes, ${MOST_DEPTH} within each other`,
      );
    else {
      const files = [...place.files, included.file];
      const inner = { ...place, files, prefix: place.inList ? [] : place.path };
      merge(branch, this.file(included.text, inner));
    }
  }
}

function keyOf({ path }: Place): string {
  return path.length === 0 ? 'include' : joinedPath(path);
}

/** HOCON, "Include semantics: substitution": relative to the included file's place, then to the root. */
function reference({ path, optional, origin }: Substitution, place: Place): Layer {
  const { prefix } = place;
  const paths = prefix.length > 0 ? [[...prefix, ...path], path] : [path];
  return { kind: 'reference', key: keyOf(place), paths, optional, origin };
}
