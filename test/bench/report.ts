/** What one server reached in one case. */
export interface Figure {
  readonly suite: 'tftp' | 'dhcp' | 'http' | 'overlay' | 'workload' | 'placement';
  readonly case: string;
  readonly subject: string;
  /** Work per second, in `unit`. */
  readonly value: number;
  readonly unit: string;
  /** Processor time of the server for one `cpuUnit`, in seconds or microseconds; undefined when it was too little to tell. */
  readonly cpu: number | undefined;
  readonly cpuUnit: string;
  /** What else is worth knowing: incomplete downloads, the 99th percentile. */
  readonly note: string;
}

/** A peer that was not measured, and why. */
export interface Skip {
  readonly subject: string;
  readonly reason: string;
}

export interface BenchOptions {
  /** The short form. */
  readonly quick: boolean;
  /** Runs of each case; the median counts. */
  readonly runs: number;
  readonly onFigure: (figure: Figure) => void;
}

/** What issue 3 asks for: in every case of `cases` at least `ratio` times the peer. */
export interface Target {
  readonly suite: Figure['suite'];
  readonly cases: RegExp;
  readonly peer: string;
  readonly ratio: number;
}

export const OURS = 'pxen';

/** A case against one peer. */
export interface Row {
  readonly case: string;
  readonly ours: number;
  readonly unit: string;
  readonly oursCpu: number | undefined;
  readonly cpuUnit: string;
  readonly peer: string;
  readonly theirs: number;
  readonly theirsCpu: number | undefined;
  readonly ratio: number;
  readonly target: number | undefined;
  readonly reached: boolean | undefined;
  readonly note: string;
}

/** Each case against each of its peers. */
export function rowsOf(figures: readonly Figure[], targets: readonly Target[]): Row[] {
  return figures
    .filter(({ subject }) => subject !== OURS)
    .flatMap(theirs => {
      const ours = figures.find(figure => figure.case === theirs.case && figure.subject === OURS);
      return ours ? [rowOf(ours, theirs, targets)] : [];
    });
}

function rowOf(ours: Figure, theirs: Figure, targets: readonly Target[]): Row {
  const target = targets.find(
    ({ suite, cases, peer }) => suite === ours.suite && cases.test(ours.case) && peer === theirs.subject,
  )?.ratio;
  const ratio = ours.value / theirs.value;
  return {
    case: ours.case,
    ours: ours.value,
    unit: ours.unit,
    oursCpu: ours.cpu,
    cpuUnit: ours.cpuUnit,
    peer: theirs.subject,
    theirs: theirs.value,
    theirsCpu: theirs.cpu,
    ratio,
    target,
    reached: target === undefined ? undefined : ratio >= target,
    note: [ours.note && `pxen: ${ours.note}`, theirs.note && `${theirs.subject}: ${theirs.note}`]
      .filter(Boolean)
      .join('; '),
  };
}

const HEADINGS = ['case', 'pxen', 'peer', '', 'ratio', 'target', 'reached', 'CPU pxen', 'CPU peer', ''];

export function tableOf(rows: readonly Row[]): string {
  const cells = rows.map(row => [
    row.case,
    `${short(row.ours)} ${row.unit}`,
    row.peer,
    `${short(row.theirs)} ${row.unit}`,
    row.ratio.toFixed(2),
    row.target === undefined ? '' : String(row.target),
    row.reached === undefined ? '' : row.reached ? 'yes' : 'NO',
    row.oursCpu === undefined ? '' : `${short(row.oursCpu)} ${row.cpuUnit}`,
    row.theirsCpu === undefined ? '' : `${short(row.theirsCpu)} ${row.cpuUnit}`,
    row.note,
  ]);
  const widths = HEADINGS.map((heading, i) =>
    Math.max(heading.length, ...cells.map(row => row[i]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd();
  return [HEADINGS, ...cells].map(line).join('\n');
}

/** Three digits are all that a shared machine can tell. */
export function short(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString('en');
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

export function medianOf<T>(items: readonly T[], key: (item: T) => number): T {
  const sorted = [...items].sort((a, b) => key(a) - key(b));
  const middle = sorted[sorted.length >> 1];
  if (middle === undefined) throw new Error('a median needs at least one run');
  return middle;
}
