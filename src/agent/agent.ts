import type { Report, ReportAnswer } from '../api/report.ts';
import { asPxenError, type ErrorCode, type PxenError } from '../base/error.ts';
import type { Clock } from '../base/ports.ts';
import { backoff } from './backoff.ts';
import type { SendReport } from './host0.ts';
import type { Identity } from './identity.ts';
import { buildRefusal, buildReport, type NodeState, type Taken } from './report.ts';

export interface AgentPorts {
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly send: SendReport;
  /** Undefined as long as the machine shows no network card. */
  readonly identity: () => Identity | undefined;
  readonly state: (identity: Identity) => NodeState;
  /** What takes too long for the first report; its results show in later states. */
  readonly probe: (signal: AbortSignal) => Promise<void>;
  /** One plain line. */
  readonly say: (line: string) => void;
}

export interface AgentSettings {
  readonly host0: string;
  /** The id that the overlay was made for. */
  readonly id: string | undefined;
  /** Seconds between two reports, until host0 says another number. */
  readonly interval: number;
}

/** Milliseconds between two tries of a machine that has no card yet, or another machine's overlay. */
const NO_CARD_WAIT = 1000;
const WRONG_IDENTITY_WAIT = 60_000;
/** Between two reports that are due to news: a guest that resets in a circle must not flood host0. */
const NEWS_GAP = 500;

/** Reports to host0 at once and then for ever. Each turn is: who am I, what am I like, tell, wait. */
export class NodeAgent {
  readonly #ports: AgentPorts;
  readonly #settings: AgentSettings;
  readonly #stopped = new AbortController();
  #callOff: (() => void) | undefined;
  #lastNews = -NEWS_GAP;
  /** There was news while a report was under way. */
  #more = false;
  #interval: number;
  #taken: Taken | undefined;
  #failures = 0;
  #lastComplaint: string | undefined;
  #reportedOnce = false;
  #probed: Promise<void> | undefined;

  constructor(ports: AgentPorts, settings: AgentSettings) {
    this.#ports = ports;
    this.#settings = settings;
    this.#interval = settings.interval * 1000;
  }

  start(): void {
    void this.#turn();
  }

  /** Ends a report and a probe that are under way. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#callOff?.();
    await this.#probed;
  }

  /** There is news: it goes out now and not with the next heartbeat. */
  hurry(): void {
    if (this.#stopped.signal.aborted) return;
    this.#more = this.#callOff === undefined;
    if (!this.#callOff) return;
    const { clock } = this.#ports;
    const wait = this.#lastNews + NEWS_GAP - clock.elapsed();
    this.#callOff();
    if (wait <= 0) this.#tellNews();
    else this.#callOff = clock.after(wait, () => this.#tellNews());
  }

  #tellNews(): void {
    this.#lastNews = this.#ports.clock.elapsed();
    void this.#turn();
  }

  /** Never rejects. */
  async #turn(): Promise<void> {
    this.#callOff = undefined;
    const wait = await this.#once();
    if (this.#stopped.signal.aborted) return;
    this.#callOff = this.#ports.clock.after(wait, () => void this.#turn());
    if (this.#more) this.hurry();
  }

  /** Milliseconds until the next turn. */
  async #once(): Promise<number> {
    const identity = this.#ports.identity();
    if (!identity) return this.#complain('no network card yet', NO_CARD_WAIT);
    const { id } = this.#settings;
    try {
      if (id !== undefined && id !== identity.id) return await this.#refuse(identity, id);
      return await this.#report(identity);
    } catch (thrown) {
      return this.#failed(asPxenError(thrown));
    }
  }

  async #report(identity: Identity): Promise<number> {
    const state = this.#ports.state(identity);
    const report = buildReport(state, this.#taken);
    const answer = await this.#send(report);
    this.#taken = answer.full ? undefined : state;
    this.#interval = answer.interval * 1000;
    this.#welcome(state);
    this.#probed ??= this.#probe();
    return answer.full && report.kind === 'heartbeat' ? 0 : this.#interval;
  }

  #welcome(state: NodeState): void {
    const { host0 } = this.#settings;
    if (!this.#reportedOnce) {
      const uptime = state.load.uptimeSeconds.toFixed(1);
      this.#ports.say(`${state.identity.id} reported to ${host0}, ${uptime} s after kernel start`);
    } else if (this.#failures > 0) {
      this.#ports.say(`${host0} answers again`);
    }
    this.#reportedOnce = true;
    this.#failures = 0;
    this.#lastComplaint = undefined;
  }

  async #refuse(identity: Identity, configured: string): Promise<number> {
    const state = this.#ports.state(identity);
    this.#complain(
      `IDENTITY_MISMATCH: this machine is ${identity.id}, but its overlay was made for ${configured}; doing nothing`,
      0,
    );
    await this.#send(buildRefusal(identity, state.bootId, configured));
    return WRONG_IDENTITY_WAIT;
  }

  #send(report: Report): Promise<ReportAnswer> {
    return this.#ports.send(report, this.#stopped.signal);
  }

  async #probe(): Promise<void> {
    try {
      await this.#ports.probe(this.#stopped.signal);
    } catch (thrown) {
      this.#ports.say(`the KVM probe failed: ${asPxenError(thrown).message}`);
    }
    this.hurry();
  }

  /** host0 may have lost what it knew meanwhile: it will ask. */
  #failed(error: PxenError): number {
    if (this.#stopped.signal.aborted) return 0;
    this.#failures += 1;
    const slow: ErrorCode = 'IDENTITY_MISMATCH';
    const wait = error.code === slow ? WRONG_IDENTITY_WAIT : backoff(this.#failures, this.#ports.random());
    return this.#complain(`${error.code}: ${error.message}`, wait);
  }

  /** The same complaint is said once, however long it lasts. */
  #complain(line: string, wait: number): number {
    if (line !== this.#lastComplaint) this.#ports.say(line);
    this.#lastComplaint = line;
    return wait;
  }
}
