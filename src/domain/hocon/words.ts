import type { Expression, Space } from './syntax.ts';
import type { HoconScalar, Origin } from './tree.ts';

/** A value without quotes: its type shows in how it is written. */
export function wordOf(text: string, origin: Origin): HoconScalar {
  if (text === 'true' || text === 'false') return { kind: 'boolean', text, origin };
  if (text === 'null') return { kind: 'null', text, origin };
  const number = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text);
  return { kind: number ? 'number' : 'string', text, origin };
}

/** Words side by side are one string; with anything else among them it takes the whole document to tell. */
export function combined(parts: readonly (Expression | Space)[], origin: Origin): Expression {
  const [only, another] = parts;
  if (only && only.kind !== 'space' && !another) return only;
  const plain = parts.every(part => 'text' in part);
  if (plain) return { kind: 'string', text: parts.map(part => part.text).join(''), origin };
  return { kind: 'concatenation', parts, origin };
}
