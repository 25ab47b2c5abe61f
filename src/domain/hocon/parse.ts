import { type Diagnostic, quote } from '../../base/diagnostic.ts';
import { Lexer, type Token } from './lexer.ts';
import { joinedPath, type PathPart, parsePath } from './path.ts';
import type { Entry, Expression, Field, Include, ListExpression, ObjectExpression, Space } from './syntax.ts';
import type { Origin } from './tree.ts';
import { combined, wordOf } from './words.ts';

/** Deeper nesting is nobody's configuration, and would end the process by its stack. */
const MOST_LEVELS = 64;
/** One mistake can look like many: nobody reads more than these of one file. */
const MOST_PROBLEMS = 20;

const INCLUDE_FORM = 'include "file" or include required("file"); a key of that name stands in double quotes';

export interface ParsedFile {
  readonly root: ObjectExpression | ListExpression;
  readonly problems: readonly Diagnostic[];
}

/** One HOCON file, by itself (github.com/lightbend/config, HOCON.md). `file` is the name that problems carry. */
export function parseFile(text: string, file: string): ParsedFile {
  const parser = new Parser(text, file);
  const root = parser.root();
  return { root, problems: parser.problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0)) };
}

class Parser {
  readonly problems: Diagnostic[] = [];
  readonly #lexer: Lexer;
  readonly #file: string;
  /** The keys on the way to what is being read; a list is the empty path. */
  readonly #keys: (readonly string[])[] = [];
  #stopped = false;

  constructor(text: string, file: string) {
    this.#lexer = new Lexer(text);
    this.#file = file;
  }

  root(): ObjectExpression | ListExpression {
    this.#skipSpace();
    const first = this.#lexer.peek();
    const root = first.kind === '[' ? this.#list() : first.kind === '{' ? this.#object() : this.#bare(first);
    this.#skipSpace();
    const after = this.#lexer.peek();
    if (after.kind !== 'end')
      this.#fault(after, 'nothing more: the value of the whole file ends before this');
    return root;
  }

  /** HOCON, "Omit root braces". */
  #bare(first: Token): ObjectExpression {
    return { kind: 'object', entries: this.#entries('end'), origin: this.#originOf(first) };
  }

  #object(): ObjectExpression {
    const open = this.#lexer.take();
    const entries = this.#entries('}');
    this.#close(open, '}');
    return { kind: 'object', entries, origin: this.#originOf(open) };
  }

  #list(): ListExpression {
    const open = this.#lexer.take();
    const items: Expression[] = [];
    this.#separated(']', () => {
      const item = this.#value();
      if (item) items.push(item);
      return item && [];
    });
    this.#close(open, ']');
    return { kind: 'list', items, origin: this.#originOf(open) };
  }

  #close(open: Token, kind: '}' | ']'): void {
    if (this.#lexer.peek().kind === kind) this.#lexer.take();
    else this.#problem(open.line, `${open.kind} without an end`, `a closing ${kind}`);
  }

  #entries(closing: '}' | 'end'): Entry[] {
    const entries: Entry[] = [];
    this.#separated(closing, () => {
      const { kind, text } = this.#lexer.peek();
      const entry = kind === 'word' && text === 'include' ? this.#include() : this.#field();
      if (entry) entries.push(entry);
      return entry?.kind === 'field' ? entry.path : entry && [];
    });
    return entries;
  }

  /**
   * Elements with commas or newlines between them (HOCON, "Commas"), up to the closing token, which stays. An element
   * comes back with its key, with nothing after a mistake.
   */
  #separated(closing: Token['kind'], element: () => readonly string[] | undefined): void {
    this.#skipSpace();
    for (let { kind } = this.#lexer.peek(); !ends(kind, closing); { kind } = this.#lexer.peek()) {
      const key = element();
      if (!key || !this.#separator(closing, key)) this.#recover(closing);
      this.#skipSpace();
    }
  }

  #separator(closing: Token['kind'], key: readonly string[]): boolean {
    const newline = this.#skipSpace();
    const next = this.#lexer.peek();
    if (next.kind === ',') this.#lexer.take();
    else if (!newline && !ends(next.kind, closing)) {
      this.#keys.push(key);
      this.#fault(next, 'a comma or a new line before it');
      this.#keys.pop();
      return false;
    }
    return true;
  }

  /** After a mistake: on with the next line, or with the end of the object or list that it is in. */
  #recover(closing: Token['kind']): void {
    let open = 0;
    for (let { kind } = this.#lexer.peek(); kind !== 'end'; { kind } = this.#lexer.peek()) {
      if (open === 0 && (kind === closing || kind === 'newline')) return;
      if (kind === '{' || kind === '[') open++;
      if (kind === '}' || kind === ']') open = Math.max(0, open - 1);
      this.#lexer.take();
    }
  }

  #field(): Field | undefined {
    const path = this.#path('a key');
    if (!path) return undefined;
    this.#skipSpace();
    const { kind } = this.#lexer.peek();
    if (kind === ':' || kind === '=' || kind === '+=') this.#lexer.take();
    else if (kind !== '{') {
      this.#fault(this.#lexer.peek(), `: or = after the key ${joinedPath(path)}`);
      return undefined;
    }
    this.#skipSpace();
    this.#keys.push(path);
    const value = this.#value();
    this.#keys.pop();
    return value && { kind: 'field', path, append: kind === '+=', value };
  }

  /** Words, quoted strings and blanks up to anything else. */
  #path(what: string): readonly string[] | undefined {
    const first = this.#lexer.peek();
    const parts: PathPart[] = [];
    for (let { kind } = first; isPathPart(kind); { kind } = this.#lexer.peek())
      parts.push({ kind, text: this.#lexer.take().text });
    if (parts.every(part => part.kind === 'space')) {
      this.#fault(this.#lexer.peek(), what);
      return undefined;
    }
    const path = parsePath(parts);
    if (path && path.length <= MOST_LEVELS) return path;
    const text = parts.map(part => part.text).join('');
    const expected = path ? `at most ${MOST_LEVELS} levels of nesting` : `${what} without empty parts`;
    this.#problem(first.line, quote(text.trim()), expected);
    return undefined;
  }

  /** An unquoted `include` at the start of a key is never a key (HOCON, "Include syntax"). */
  #include(): Include | undefined {
    const { line } = this.#lexer.take();
    this.#skipSpace();
    const opening = this.#parentheses();
    const form = /^(required\()?(?:file\()?$/.exec(opening);
    const { kind, text: name } = this.#lexer.peek();
    if (!form || kind !== 'quoted') {
      this.#problem(line, opening === '' ? gotOf(this.#lexer.peek()) : quote(opening), INCLUDE_FORM);
      return undefined;
    }
    this.#lexer.take();
    const closing = ')'.repeat(opening.split('(').length - 1);
    if (closing !== '' && this.#parentheses() !== closing) {
      this.#problem(line, `${opening}${quote(name)}`, `${closing} after it`);
      return undefined;
    }
    return { kind: 'include', name, required: form[1] !== undefined, origin: { file: this.#file, line } };
  }

  /** The words of `required( file( "x" ) )`, without the blanks between them; before them there may be new lines. */
  #parentheses(): string {
    let words = '';
    for (;;) {
      const { kind, text } = this.#lexer.peek();
      if (kind === 'word') words += text;
      else if (kind !== 'space' && !(kind === 'newline' && words.endsWith('('))) return words;
      this.#lexer.take();
    }
  }

  /** HOCON, "Value concatenation": everything up to the end of the line, a comma or a closing bracket. */
  #value(): Expression | undefined {
    const parts: (Expression | Space)[] = [];
    const first = this.#lexer.peek();
    for (let part = this.#part(first); part; part = this.#part(this.#lexer.peek())) {
      if (part === 'fault') return undefined;
      parts.push(part);
    }
    if (parts.at(-1)?.kind === 'space') parts.pop();
    if (parts.length > 0) return combined(parts, this.#originOf(first));
    this.#fault(first, 'a value');
    return undefined;
  }

  #part(token: Token): Expression | Space | 'fault' | undefined {
    const origin = this.#originOf(token);
    switch (token.kind) {
      case 'space':
        return { kind: 'space', text: this.#lexer.take().text };
      case '{':
      case '[':
        return this.#bracketed(token);
      case '${':
      case '${?':
        return this.#substitution(origin);
      case 'word':
        return wordOf(this.#lexer.take().text, origin);
      case 'quoted':
        return { kind: 'string', text: this.#lexer.take().text, origin };
      default:
        return undefined;
    }
  }

  #bracketed(token: Token): Expression | 'fault' {
    if (this.#keys.length >= MOST_LEVELS) {
      this.#fault(token, `at most ${MOST_LEVELS} levels of nesting`);
      this.#stop();
      return 'fault';
    }
    if (token.kind === '{') return this.#object();
    this.#keys.push([]);
    const list = this.#list();
    this.#keys.pop();
    return list;
  }

  #substitution(origin: Origin): Expression | 'fault' {
    const optional = this.#lexer.take().kind === '${?';
    const path = this.#path('the path of a value after ${');
    if (!path) return 'fault';
    const next = this.#lexer.peek();
    if (next.kind !== '}') {
      this.#fault(next, 'a closing } of the substitution');
      return 'fault';
    }
    this.#lexer.take();
    return { kind: 'substitution', path, optional, origin };
  }

  /** Whether there was a newline. */
  #skipSpace(): boolean {
    let newline = false;
    for (
      let { kind } = this.#lexer.peek();
      kind === 'space' || kind === 'newline';
      { kind } = this.#lexer.peek()
    ) {
      newline ||= kind === 'newline';
      this.#lexer.take();
    }
    return newline;
  }

  #fault(token: Token, expected: string): void {
    this.#problem(token.line, gotOf(token), token.expected ?? expected);
  }

  #problem(line: number, got: string, expected: string): void {
    if (this.#stopped) return;
    const key = joinedPath(this.#keys.flat()) || 'file';
    this.problems.push({ file: this.#file, line, key, got, expected });
    if (this.problems.length >= MOST_PROBLEMS) this.#stop();
  }

  /** What would follow are only consequences. */
  #stop(): void {
    this.#stopped = true;
    this.#lexer.stop();
  }

  #originOf({ line }: Token): Origin {
    return { file: this.#file, line };
  }
}

/** A bracket of the other kind ends a list or an object too: its own is missing. */
function ends(kind: Token['kind'], closing: Token['kind']): boolean {
  if (kind === closing || kind === 'end') return true;
  return closing !== 'end' && (kind === '}' || kind === ']');
}

function isPathPart(kind: Token['kind']): kind is PathPart['kind'] {
  return kind === 'word' || kind === 'quoted' || kind === 'space';
}

function gotOf({ kind, text }: Token): string {
  if (kind === 'end') return 'the end of the file';
  if (kind === 'newline') return 'the end of the line';
  return kind === 'bad' ? text : quote(text);
}
