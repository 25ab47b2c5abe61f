/** HOCON, "Size in bytes format"; upper and lower case both count, as in the `32 Gib` of the tiCrypt document. */
const BINARY = ['k', 'm', 'g', 't', 'p', 'e'] as const;
const BINARY_WORDS = ['kibi', 'mebi', 'gibi', 'tebi', 'pebi', 'exbi'] as const;
const DECIMAL_WORDS = ['kilo', 'mega', 'giga', 'tera', 'peta', 'exa'] as const;

const SIZE_UNITS: ReadonlyMap<string, number> = new Map([
  ...['', 'b', 'byte', 'bytes'].map(unit => [unit, 1] as const),
  ...BINARY.flatMap((letter, i) => {
    const words = ['byte', 'bytes'].map(end => `${BINARY_WORDS[i]}${end}`);
    return [letter, `${letter}i`, `${letter}ib`, ...words].map(unit => [unit, 1024 ** (i + 1)] as const);
  }),
  ...BINARY.flatMap((letter, i) => {
    const words = ['byte', 'bytes'].map(end => `${DECIMAL_WORDS[i]}${end}`);
    return [`${letter}b`, ...words].map(unit => [unit, 1000 ** (i + 1)] as const);
  }),
]);

/** HOCON, "Duration format": lower case, a bare number is milliseconds. */
const DURATION_UNITS: ReadonlyMap<string, number> = new Map(
  (
    [
      [1e-6, ['ns', 'nano', 'nanos', 'nanosecond', 'nanoseconds']],
      [1e-3, ['us', 'micro', 'micros', 'microsecond', 'microseconds']],
      [1, ['', 'ms', 'milli', 'millis', 'millisecond', 'milliseconds']],
      [1000, ['s', 'second', 'seconds']],
      [60_000, ['m', 'minute', 'minutes']],
      [3_600_000, ['h', 'hour', 'hours']],
      [86_400_000, ['d', 'day', 'days']],
    ] as const
  ).flatMap(([factor, units]) => units.map(unit => [unit, factor] as const)),
);

/** A number of JSON, such as `1`, `1.0`, `-2e3`. Undefined for anything else, also for one beyond what a double can say. */
export function parseReal(text: string): number | undefined {
  if (!/^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text.trim())) return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

/** Bytes: `32`, `64 MiB`, `18GiB`. */
export function parseSize(text: string): number | undefined {
  return withUnit(text, unit => SIZE_UNITS.get(unit.toLowerCase()));
}

/** Milliseconds: `500`, `90 s`, `5 minutes`. */
export function parseDuration(text: string): number | undefined {
  return withUnit(text, unit => DURATION_UNITS.get(unit));
}

function withUnit(text: string, factorOf: (unit: string) => number | undefined): number | undefined {
  const match = /^\s*(-?[\d.]+(?:[eE][+-]?\d+)?)\s*(\p{L}*)\s*$/u.exec(text);
  const value = parseReal(match?.[1] ?? '');
  const factor = factorOf(match?.[2] ?? '');
  return value === undefined || factor === undefined ? undefined : value * factor;
}
