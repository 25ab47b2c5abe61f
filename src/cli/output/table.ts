/** Rows of text in columns, two spaces apart, as `column -t` would print them; the last column is not padded. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows.map(row => row.map(printable))];
  const widths = head.map((_, column) => Math.max(...all.map(row => (row[column] ?? '').length)));
  return all
    .map(row =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** `key  value` lines, the keys aligned. */
export function facts(pairs: readonly (readonly [string, string])[]): string {
  const width = Math.max(...pairs.map(([key]) => key.length));
  return pairs.map(([key, value]) => `${key.padEnd(width)}  ${printable(value)}`).join('\n');
}

/** Machines tell their names and models themselves: nothing in them may steer the terminal of an admin, nor turn words around. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu, '?');
}

/** How long ago, in one unit: `now`, `12 s`, `5 min`, `3 h`, `2 d`. */
export function age(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 1) return 'now';
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** Every cell of a column of a table as `paint` gives it back, which may add no width. */
export function paintColumn(text: string, column: string, paint: (cell: string) => string): string {
  const [head = '', ...rows] = text.split('\n');
  const at = head.indexOf(column);
  const painted = rows.map(row => row.slice(0, at) + row.slice(at).replace(/^\S+/, paint));
  return [head, ...painted].join('\n');
}

/** `4 s ago`, `now`. */
export function ago(milliseconds: number): string {
  const text = age(milliseconds);
  return text === 'now' ? text : `${text} ago`;
}
