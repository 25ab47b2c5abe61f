/** The words of one manifest line, or what is wrong with it. */
export type LineWords =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'fault'; readonly got: string; readonly expected: string };

/**
 * Splits a line at blanks. Double quotes hold blanks together and may stand anywhere in a word; inside them `\"` and
 * `\\` stand for `"` and `\`. A word that begins with `#` ends the line.
 */
export function splitWords(line: string): LineWords {
  const words: string[] = [];
  let word: string | undefined;
  let quoted = false;
  for (let at = 0; at < line.length; at++) {
    const char = line.charAt(at);
    if (quoted && char === '\\') {
      const escaped = line.charAt(++at);
      if (escaped !== '"' && escaped !== '\\') return badEscape(escaped);
      word += escaped;
    } else if (char === '"') {
      quoted = !quoted;
      word ??= '';
    } else if (!quoted && (char === ' ' || char === '\t')) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (!quoted && char === '#' && word === undefined) {
      break;
    } else {
      word = (word ?? '') + char;
    }
  }
  if (quoted)
    return { kind: 'fault', got: 'a quote that does not end', expected: 'a closing " on this line' };
  if (word !== undefined) words.push(word);
  return { kind: 'words', words };
}

function badEscape(escaped: string): LineWords {
  return {
    kind: 'fault',
    got: JSON.stringify(`\\${escaped}`),
    expected: String.raw`only \" and \\ after a backslash inside quotes`,
  };
}
