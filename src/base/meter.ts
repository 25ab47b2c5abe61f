/** Figures of /metrics. Every label has its values listed here: nothing that a client sends makes a new series. */
interface CounterKind {
  readonly kind: 'counter';
  readonly about: string;
  readonly labels: Readonly<Record<string, readonly string[]>>;
}

interface HistogramKind {
  readonly kind: 'histogram';
  readonly about: string;
  readonly labels: Readonly<Record<string, readonly string[]>>;
  /** Upper ends, ascending. */
  readonly buckets: readonly number[];
}

/** Who reads the figures: anybody on the network sees none that names a machine or a workload. */
export type Audience = 'anybody' | 'trusted';

/** What an HTTP request was for. */
export const HTTP_ARTEFACTS = ['file', 'script', 'overlay', 'api', 'metrics'] as const;
export type HttpArtefact = (typeof HTTP_ARTEFACTS)[number];
/** First digit of the status. */
const STATUS_CLASSES = ['2xx', '3xx', '4xx', '5xx'] as const;

export const METRICS = {
  pxen_http_requests_total: {
    kind: 'counter',
    about: 'HTTP requests answered, by what was asked for and class of status.',
    labels: { artefact: HTTP_ARTEFACTS, status: STATUS_CLASSES },
  },
  pxen_http_sent_bytes_total: {
    kind: 'counter',
    about: 'Bytes of files and overlays sent by HTTP.',
    labels: { artefact: HTTP_ARTEFACTS },
  },
  pxen_http_request_duration_seconds: {
    kind: 'histogram',
    about: 'From a request to the end of its answer; for a file that is the download.',
    labels: { artefact: HTTP_ARTEFACTS },
    buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 2, 10, 60, 300],
  },
  pxen_tftp_transfers_total: {
    kind: 'counter',
    about: 'TFTP transfers of boot files that ended, by outcome.',
    labels: { outcome: ['complete', 'failed', 'refused'] },
  },
  pxen_tftp_sent_bytes_total: {
    kind: 'counter',
    about: 'Bytes of boot files that TFTP clients have acknowledged.',
    labels: {},
  },
  pxen_tftp_retransmissions_total: {
    kind: 'counter',
    about: 'TFTP packets that had to be sent again.',
    labels: {},
  },
  pxen_boot_problems_total: {
    kind: 'counter',
    about: 'Problems on boot timelines: refusals, conflicts, transfers that broke off.',
    labels: {},
  },
  pxen_boot_tokens_total: {
    kind: 'counter',
    about: 'One-time boot tokens: given out, used for a whole overlay, refused.',
    labels: { outcome: ['issued', 'delivered', 'refused'] },
  },
  pxen_overlay_builds_total: {
    kind: 'counter',
    about: 'Machine folders that a build looked at, by outcome.',
    labels: { outcome: ['built', 'unchanged', 'refused', 'skipped'] },
  },
} as const satisfies Record<string, CounterKind | HistogramKind>;

export type MetricName = keyof typeof METRICS;
type NameOf<K> = { [N in MetricName]: (typeof METRICS)[N]['kind'] extends K ? N : never }[MetricName];

/** One value of each label of the metric. */
export type LabelsOf<N extends MetricName> = {
  readonly [L in keyof (typeof METRICS)[N]['labels']]: (typeof METRICS)[N]['labels'][L] extends readonly (infer V)[]
    ? V
    : never;
};

/** Where services count what they do. Never throws, and costs well under a microsecond. */
export interface Meter {
  count<N extends NameOf<'counter'>>(name: N, labels: LabelsOf<N>, by?: number): void;
  observe<N extends NameOf<'histogram'>>(name: N, labels: LabelsOf<N>, value: number): void;
}

/** A meter that counts nothing. */
export const silentMeter: Meter = { count: () => {}, observe: () => {} };

export function statusClass(status: number): (typeof STATUS_CLASSES)[number] {
  return STATUS_CLASSES[Math.min(3, Math.max(0, Math.floor(status / 100) - 2))] ?? '5xx';
}
