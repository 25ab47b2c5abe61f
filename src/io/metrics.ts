import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { type Audience, type LabelsOf, METRICS, type Meter, type MetricName } from '../base/meter.ts';

/** A figure that is looked up when somebody asks, such as the nodes in each state. */
export interface Sample {
  readonly name: string;
  readonly about: string;
  /** `counter` where it only grows. */
  readonly kind: 'gauge' | 'counter';
  /** Its labels name machines or workloads: not for everybody. */
  readonly named?: boolean;
  /** Its label or labels; undefined where it has none. */
  readonly label?: string | readonly string[];
  /** One value for each value of the label, or for each set of values; the key means nothing without a label. */
  readonly read: () => Iterable<readonly [string | readonly string[], number]>;
}

/** A rendering is given again for so long: who asks in a loop costs no more. Milliseconds. */
const FRESH = 1000;

/** All figures of a pxend, with those of its process and event loop, for Prometheus. */
export class PromMeter implements Meter {
  readonly #registry = new Registry();
  /** Figures that name somebody. */
  readonly #named = new Registry();
  readonly #counters = new Map<string, Counter>();
  readonly #histograms = new Map<string, Histogram>();
  readonly #rendered = new Map<Audience, { readonly text: Promise<string>; readonly at: number }>();

  constructor() {
    const registers = [this.#registry];
    for (const [name, metric] of Object.entries(METRICS)) {
      const common = { name, help: metric.about, labelNames: Object.keys(metric.labels), registers };
      if (metric.kind === 'counter') this.#counters.set(name, new Counter(common));
      else this.#histograms.set(name, new Histogram({ ...common, buckets: [...metric.buckets] }));
    }
  }

  /** Process figures cost a timer and an observer of the garbage collector, so they begin here. */
  start(): void {
    collectDefaultMetrics({ register: this.#registry });
  }

  count<N extends MetricName>(name: N, labels: LabelsOf<N>, by = 1): void {
    this.#counters.get(name)?.inc(plain(labels), by);
  }

  observe<N extends MetricName>(name: N, labels: LabelsOf<N>, value: number): void {
    this.#histograms.get(name)?.observe(plain(labels), value);
  }

  /** What is not read any more is not shown any more. */
  sample({ name, about, kind, label = [], named = false, read }: Sample): void {
    const labelNames = typeof label === 'string' ? [label] : [...label];
    const labelsFor = (key: string | readonly string[]): Record<string, string> =>
      Object.fromEntries(
        labelNames.map((each, at) => [each, typeof key === 'string' ? key : (key[at] ?? '')]),
      );
    const registers = [named ? this.#named : this.#registry];
    const common = { name, help: about, labelNames, registers };
    if (kind === 'gauge') {
      const gauge: Gauge = new Gauge({
        ...common,
        collect: () => {
          gauge.reset();
          for (const [key, value] of read()) gauge.set(labelsFor(key), value);
        },
      });
      return;
    }
    const counter: Counter = new Counter({
      ...common,
      collect: () => {
        counter.reset();
        for (const [key, value] of read()) counter.inc(labelsFor(key), value);
      },
    });
  }

  /** The text format of Prometheus. */
  render(now: number, audience: Audience): Promise<string> {
    const last = this.#rendered.get(audience);
    if (last && now - last.at < FRESH && now >= last.at) return last.text;
    const text = this.#metrics(audience);
    this.#rendered.set(audience, { text, at: now });
    return text;
  }

  async #metrics(audience: Audience): Promise<string> {
    const common = await this.#registry.metrics();
    return audience === 'anybody' ? common : `${common}${await this.#named.metrics()}`;
  }
}

/** The types of the metrics say which labels there are; prom-client asks for less. */
function plain(labels: object): Record<string, string> {
  return labels as Record<string, string>;
}
