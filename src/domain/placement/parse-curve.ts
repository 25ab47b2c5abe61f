import type { Diagnostic } from '../../base/diagnostic.ts';
import { Fields } from '../hocon/fields.ts';
import type { HoconObject } from '../hocon/tree.ts';
import { hint, NOT_NEGATIVE, REAL, REAL_OR_BYTES, TEXT } from '../hocon/values.ts';
import type { Curve, CurveKind, Shape } from './curve.ts';

/** Every word that `curve` may be, the aliases of the document too. They say nothing else (X-6: low always serves the lower inputs). */
const WORDS: ReadonlyMap<string, CurveKind> = new Map([
  ['constant', 'constant'],
  ['invalid', 'invalid'],
  ['linear', 'linear'],
  ['hard-soft', 'hard-soft'],
  ['soft-hard', 'hard-soft'],
  ['unavailable', 'unavailable'],
  ['piecewise', 'piecewise'],
  ['low-high', 'piecewise'],
  ['high-low', 'piecewise'],
]);
const CURVE_WORDS: readonly string[] = [...WORDS.keys()];

/** Every key that some curve has. */
export const CURVE_KEYS: readonly string[] = [
  'curve',
  'scale',
  'max',
  'value',
  'slope',
  'base',
  'soft',
  'hard',
  'softAmt',
  'hardAmt',
  'cutoff',
  'low',
  'high',
  'lowCurve',
  'highCurve',
];

/** A curve by itself, as `mesh cost curve` takes it. */
export function readCurve(object: HoconObject, problems: Diagnostic[]): Curve | undefined {
  return parseCurve(new Fields(object, [], problems));
}

/** A curve from the fields of its object (checklist TC-11 to TC-18). */
export function parseCurve(fields: Fields): Curve | undefined {
  const word = fields.required('curve', TEXT);
  const scale = fields.optional('scale', NOT_NEGATIVE) ?? 1;
  const max = fields.optional('max', REAL_OR_BYTES);
  if (word === undefined) return undefined;
  const kind = WORDS.get(word);
  if (kind === undefined) {
    fields.wrong('curve', `one of ${CURVE_WORDS.join(', ')}${hint(word, CURVE_WORDS)}`);
    return undefined;
  }
  const shape = SHAPES[kind](fields);
  fields.refuseOthers();
  return shape && { ...shape, scale, ...(max === undefined ? {} : { max }) };
}

/** The curve under a key, if there is one. */
export function curveUnder(fields: Fields, key: string): Curve | undefined {
  const section = fields.section(key);
  return section && parseCurve(section);
}

const SHAPES: Readonly<Record<CurveKind, (fields: Fields) => Shape | undefined>> = {
  constant: fields => {
    const value = fields.required('value', REAL);
    return value === undefined ? undefined : { kind: 'constant', value };
  },
  invalid: () => ({ kind: 'invalid' }),
  linear: fields => {
    const slope = fields.required('slope', REAL_OR_BYTES);
    const base = fields.required('base', REAL_OR_BYTES);
    return slope === undefined || base === undefined ? undefined : { kind: 'linear', slope, base };
  },
  'hard-soft': hardSoft,
  unavailable: () => ({ kind: 'unavailable' }),
  piecewise,
};

function hardSoft(fields: Fields): Shape | undefined {
  const soft = fields.required('soft', REAL_OR_BYTES);
  const hard = fields.required('hard', REAL_OR_BYTES);
  const softAmt = fields.optional('softAmt', REAL) ?? 1;
  const hardAmt = fields.optional('hardAmt', REAL) ?? 10;
  if (soft === undefined || hard === undefined) return undefined;
  if (soft <= 0) fields.wrong('soft', 'a number or bytes, more than 0');
  else if (hard < soft) fields.wrong('hard', `at least soft, which is ${soft}`);
  else return { kind: 'hard-soft', soft, hard, softAmt, hardAmt };
  return undefined;
}

/** `lowCurve` and `highCurve` are how the document's flattened table names `low` and `high`. */
function piecewise(fields: Fields): Shape | undefined {
  const cutoff = fields.required('cutoff', REAL_OR_BYTES);
  const [low, high] = (['low', 'high'] as const).map(key => {
    const spelling = fields.value(key) === undefined && fields.value(`${key}Curve`) ? `${key}Curve` : key;
    if (!fields.value(spelling)) fields.missing(key, 'a curve: { curve: ... }');
    return curveUnder(fields, spelling);
  });
  if (cutoff === undefined || !low || !high) return undefined;
  return { kind: 'piecewise', cutoff, low, high };
}
