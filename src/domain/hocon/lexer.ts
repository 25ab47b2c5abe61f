import { quote } from '../../base/diagnostic.ts';

export interface Token {
  readonly kind:
    | '{'
    | '}'
    | '['
    | ']'
    | ','
    | ':'
    | '='
    | '+='
    /** `${` and `${?`. */
    | '${'
    | '${?'
    | 'newline'
    | 'space'
    /** Without quotes around it. */
    | 'word'
    | 'quoted'
    | 'end'
    | 'bad';
  /** What a word, a quoted string or blanks say; of a bad token, what stands there. */
  readonly text: string;
  /** Only of a bad token. */
  readonly expected?: string;
  /** 1-based, of its first character. */
  readonly line: number;
}

/** HOCON, "Whitespace": every Unicode separator, the BOM and the ASCII ones; the newline is apart, it ends a value. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: HOCON names these four as blanks
const BLANKS = /(?:[^\S\n]|[\u001c-\u001f])+/y;
/** As JSON has it, so that the `+` of `1e+5` is part of the number. */
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
/** HOCON, "Unquoted strings": what ends one, apart from the end of the text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: as above
const WORD_END = /[$"{}[\]:=,+#`^?!@*&\\\s\u001c-\u001f]|\/\//g;
/** What is not itself in a quoted string. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON allows none of them there
const QUOTED_END = /["\\\u0000-\u001f]/g;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const COMMENT = /(?:#|\/\/)[^\n]*/y;
const ESCAPES = 'one of \\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX after a backslash';
const SIGNS = ['${?', '${', '+=', '{', '}', '[', ']', ',', ':', '='] as const;

/** Cuts a text into tokens, one at a time and with one token of sight ahead. */
export class Lexer {
  readonly #text: string;
  #at = 0;
  #line = 1;
  #ahead: Token | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  peek(): Token {
    this.#ahead ??= this.#read();
    return this.#ahead;
  }

  take(): Token {
    const token = this.peek();
    this.#ahead = undefined;
    return token;
  }

  /** Every further token is the end. */
  stop(): void {
    this.#at = this.#text.length;
    this.#ahead = undefined;
  }

  #read(): Token {
    this.#match(COMMENT);
    const line = this.#line;
    const char = this.#text[this.#at];
    if (char === undefined) return { kind: 'end', text: '', line };
    if (char === '\n') return this.#newline();
    const blanks = this.#match(BLANKS);
    if (blanks) return { kind: 'space', text: blanks[0], line };
    if (char === '"') return this.#quoted();
    const sign = SIGNS.find(text => this.#text.startsWith(text, this.#at));
    if (sign === undefined) return this.#word();
    this.#at += sign.length;
    return { kind: sign, text: sign, line };
  }

  #newline(): Token {
    this.#at++;
    return { kind: 'newline', text: '\n', line: this.#line++ };
  }

  #word(): Token {
    const line = this.#line;
    const from = this.#at;
    this.#match(NUMBER);
    this.#at = this.#find(WORD_END);
    if (this.#at > from) return { kind: 'word', text: this.#text.slice(from, this.#at), line };
    const got = quote(this.#text[this.#at++] ?? '');
    return { kind: 'bad', text: got, expected: 'double quotes around a text with this character', line };
  }

  #quoted(): Token {
    if (this.#text.startsWith('"""', this.#at)) return this.#triple();
    const line = this.#line;
    const from = ++this.#at;
    let escapes = false;
    do {
      this.#at = this.#find(QUOTED_END);
      escapes ||= this.#text[this.#at] === '\\';
    } while (this.#match(ESCAPE));
    if (this.#text[this.#at] !== '"') return this.#brokenQuoted(line);
    const text = this.#text.slice(from, this.#at++);
    return { kind: 'quoted', text: escapes ? String(JSON.parse(`"${text}"`)) : text, line };
  }

  /** Stands behind the good part of a quoted string. */
  #brokenQuoted(line: number): Token {
    const rest = this.#text.slice(this.#at, this.#text.indexOf('\n', this.#at) >>> 0);
    const bad = rest.startsWith('\\');
    this.#at += rest.length;
    return {
      kind: 'bad',
      text: bad ? quote(rest.slice(0, 2)) : 'a quote that does not end',
      expected: bad ? ESCAPES : 'a closing " on this line',
      line,
    };
  }

  /** Every quote beyond the closing three belongs to the string, as in Scala. */
  #triple(): Token {
    const line = this.#line;
    const from = this.#at + 3;
    let end = this.#text.indexOf('"""', from);
    if (end < 0) {
      this.stop();
      return { kind: 'bad', text: '""" that does not end', expected: 'a closing """', line };
    }
    while (this.#text[end + 3] === '"') end++;
    const text = this.#text.slice(from, end);
    this.#at = end + 3;
    this.#line += text.split('\n').length - 1;
    return { kind: 'quoted', text, line };
  }

  #find(pattern: RegExp): number {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#text)?.index ?? this.#text.length;
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match) this.#at += match[0].length;
    return match;
  }
}
