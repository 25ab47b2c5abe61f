/** A command as words, or why it is none. */
export type ShellWords = { readonly words: readonly string[] } | { readonly problem: string };

/**
 * The words of a command as a POSIX shell would read them (section 2.2 and 2.3 of its language), as far as commands of
 * this kind go: quotes, backslashes, lines that go on, comments. A `$` is a letter, a line end is a blank.
 */
export function shellWords(text: string): ShellWords {
  const words: string[] = [];
  let word: string | undefined;
  let at = 0;
  while (at < text.length) {
    const letter = text[at] ?? '';
    if (/\s/.test(letter)) {
      if (word !== undefined) words.push(word);
      word = undefined;
      at++;
    } else if (letter === '#' && word === undefined) at = lineEnd(text, at);
    else if (letter === '\\' && text.startsWith('\\\r\n', at)) at += 3;
    else if (letter === '\\' && text[at + 1] === '\n') at += 2;
    else if (letter === '\\') {
      word = (word ?? '') + (text[at + 1] ?? '');
      at += 2;
    } else if (letter === "'" || letter === '"') {
      const quoted = quotedWord(text, at);
      if (!quoted) return { problem: `the quote ${letter} is not closed` };
      word = (word ?? '') + quoted.word;
      at = quoted.end;
    } else {
      word = (word ?? '') + letter;
      at++;
    }
  }
  return { words: word === undefined ? words : [...words, word] };
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end < 0 ? text.length : end;
}

/** What stands in quotes that begin at `start`, and where they end. Undefined when they do not. */
function quotedWord(
  text: string,
  start: number,
): { readonly word: string; readonly end: number } | undefined {
  const quote = text[start] ?? '';
  let word = '';
  for (let at = start + 1; at < text.length; at++) {
    const letter = text[at] ?? '';
    if (letter === quote) return { word, end: at + 1 };
    // In double quotes a backslash keeps itself but before these.
    const escapes = quote === '"' && letter === '\\' && /["\\$`\n]/.test(text[at + 1] ?? '');
    if (escapes) at++;
    const taken = escapes ? (text[at] ?? '') : letter;
    word += escapes && taken === '\n' ? '' : taken;
  }
  return undefined;
}
