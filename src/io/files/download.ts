import type { IncomingMessage } from 'node:http';
import { dirname } from 'node:path';
import { formatBytes } from '../../base/bytes.ts';
import { messageOf, PxenError, systemCode } from '../../base/error.ts';
import type { Clock } from '../../base/ports.ts';
import { judgeAnswer } from '../../domain/download/answer.ts';
import { shown } from '../../domain/download/shown.ts';
import { systemClock } from '../clock.ts';
import { ask, failed } from './ask.ts';
import { type Accept, PartFile, type Whole } from './part.ts';
import { Patience, STALL, StallWatch, sleep } from './patience.ts';
import { type OnProgress, Progress } from './progress.ts';
import { checkLength, checkSpace, type Limits } from './space.ts';

export interface DownloadOptions {
  /** http or https. */
  readonly url: URL;
  readonly to: string;
  /** Hex, of the whole file. */
  readonly sha256?: string | undefined;
  readonly signal: AbortSignal;
  /** Bytes of the file so far, at most four times a second; what an earlier try has left counts. */
  readonly onProgress: OnProgress;
  readonly limits?: Limits | undefined;
  /** Looks at the whole file before it is put in place. */
  readonly accept?: Accept | undefined;
  readonly clock?: Clock | undefined;
}

/** What may be lost in a power cut, and how often the free space is looked at, bytes. */
const FLUSH_EVERY = 64 << 20;

/** Errors of a connection after which another try may go well. */
const PASSING = [
  'ECONNRESET',
  'ECONNREFUSED',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'EAI_AGAIN',
];

/**
 * Fetches a file, whole or not at all: it grows in a hidden file beside `to`, and takes its name when the last byte is
 * on the disk and its SHA-256 is right. What a lost connection, a stop or a power cut leaves is gone on with when the
 * same URL is fetched again and its server says that the file is still the same; else it starts over.
 * Rejects with DOWNLOAD_FAILED, CHECKSUM_MISMATCH, NO_SPACE or NO_PERMISSION.
 */
export async function download(options: DownloadOptions): Promise<Whole> {
  const part = await PartFile.open(options.to, options.url.href, options.signal);
  try {
    await new Transfer(options, part).run();
    return await part.finish(options.sha256, options.accept, shown(options.url));
  } catch (error) {
    await leave(part, error);
    throw error;
  } finally {
    await part.close();
  }
}

/** Only what a later try can go on with stays. */
async function leave(part: PartFile, error: unknown): Promise<void> {
  const useful = part.bytes > 0 && part.origin?.validator !== undefined;
  if (useful && error instanceof Interrupted) await part.flush().catch(() => part.drop());
  else await part.drop();
}

/** A download that may be gone on with. */
class Interrupted extends PxenError {}

type Outcome = 'whole' | { readonly why: string; readonly cause?: unknown };

/** The way to the last byte, over as many connections as it takes. */
class Transfer {
  readonly #options: DownloadOptions;
  readonly #part: PartFile;
  readonly #clock: Clock;
  readonly #progress: Progress;
  #flushed = 0;

  constructor(options: DownloadOptions, part: PartFile) {
    this.#options = options;
    this.#part = part;
    this.#clock = options.clock ?? systemClock;
    this.#progress = new Progress(this.#clock, options.onProgress);
  }

  get #what(): string {
    return shown(this.#options.url);
  }

  async run(): Promise<void> {
    const { signal } = this.#options;
    const patience = new Patience(this.#clock, this.#part.bytes);
    while (true) {
      const outcome = await this.#attempt();
      if (outcome === 'whole') return this.#progress.end(this.#part.bytes);
      const pause = patience.afterFailure(this.#part.bytes);
      if (pause === undefined || signal.aborted) throw this.#interrupted(outcome);
      await sleep(this.#clock, pause, signal);
    }
  }

  /** One connection. Throws what no further one can mend. */
  async #attempt(): Promise<Outcome> {
    if (this.#options.signal.aborted) return { why: 'stopped' };
    const stall = new AbortController();
    const watch = new StallWatch(this.#clock, () => stall.abort());
    try {
      const answer = await this.#ask(AbortSignal.any([this.#options.signal, stall.signal]));
      return await this.#take(answer, watch);
    } catch (error) {
      if (error instanceof PxenError) throw error;
      if (stall.signal.aborted) return { why: `no byte came for ${STALL / 1000} s`, cause: error };
      if (this.#options.signal.aborted) return { why: 'stopped', cause: error };
      // The end of the connection got lost, but nothing of the file.
      if (this.#part.bytes > 0 && this.#part.bytes === this.#part.origin?.total) return 'whole';
      const outcome = { why: connectionTrouble(error), cause: error };
      if (!PASSING.includes(systemCode(error) ?? '')) throw this.#interrupted(outcome);
      return outcome;
    } finally {
      watch.end();
    }
  }

  /** Where to go on: at the beginning, unless it can be proven that the file is still the same. */
  get #from(): number {
    return this.#part.origin?.validator === undefined ? 0 : this.#part.bytes;
  }

  #ask(signal: AbortSignal): Promise<IncomingMessage> {
    const from = this.#from;
    const validator = this.#part.origin?.validator ?? '';
    const headers = from > 0 ? { range: `bytes=${from}-`, 'if-range': validator } : {};
    const trustAnyway = this.#options.sha256 !== undefined;
    return ask(this.#options.url, { method: 'GET', headers, signal, trustAnyway });
  }

  async #take(answer: IncomingMessage, watch: StallWatch): Promise<Outcome> {
    const { headers, statusCode: status = 0, statusMessage: reason = '' } = answer;
    const verdict = judgeAnswer({ status, reason, headers }, { ...this.#part.origin, from: this.#from });
    if (verdict.kind !== 'whole' && verdict.kind !== 'rest') answer.destroy();
    switch (verdict.kind) {
      case 'refused':
        throw this.#refused(verdict.why);
      case 'later':
        return verdict;
      case 'anew':
        await this.#part.restart({ url: this.#options.url.href });
        return verdict;
      case 'whole':
        await this.#part.restart({
          url: this.#options.url.href,
          validator: verdict.validator,
          total: verdict.total,
        });
    }
    await this.#receive(answer, verdict.total, watch);
    return this.#judgeEnd(verdict.total);
  }

  async #receive(answer: IncomingMessage, total: number | undefined, watch: StallWatch): Promise<void> {
    try {
      await this.#checkLimits(total);
      this.#flushed = this.#part.bytes;
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        watch.alive();
        await this.#part.append(chunk);
        this.#progress.at(this.#part.bytes, total);
        if (this.#part.bytes - this.#flushed >= FLUSH_EVERY) await this.#flush(total);
        else if (total === undefined) checkLength(this.#what, this.#part.bytes, this.#options.limits);
      }
    } finally {
      answer.destroy();
    }
  }

  async #flush(total: number | undefined): Promise<void> {
    await this.#part.flush();
    this.#flushed = this.#part.bytes;
    await this.#checkLimits(total);
  }

  async #checkLimits(total: number | undefined): Promise<void> {
    const { limits, to } = this.#options;
    checkLength(this.#what, total ?? this.#part.bytes, limits);
    const needed = Math.max(0, (total ?? 0) - this.#part.bytes);
    await checkSpace(dirname(to), this.#what, needed, limits?.keepFree ?? 0);
  }

  /** A server without a length ends by closing; one with a length has to keep it. */
  async #judgeEnd(total: number | undefined): Promise<Outcome> {
    const { bytes } = this.#part;
    if (total === undefined || bytes === total) return 'whole';
    if (bytes < total) return { why: `the server sent ${bytes} of ${total} bytes` };
    await this.#part.restart({ url: this.#options.url.href });
    return { why: `the server sent more than the ${total} bytes that it had announced` };
  }

  #refused(why: string): PxenError {
    const { url } = this.#options;
    const onHost0 = url.pathname.startsWith('/isos/') && why.startsWith('HTTP 404');
    return failed(url, why, { details: onHost0 ? ['what host0 has: mesh iso list'] : [] });
  }

  #interrupted({ why, cause }: Exclude<Outcome, 'whole'>): Interrupted {
    const { bytes, origin } = this.#part;
    const so = origin?.total === undefined ? '' : ` of ${formatBytes(origin.total)}`;
    const kept = bytes > 0 && origin?.validator !== undefined;
    const after = bytes > 0 ? ` after ${formatBytes(bytes)}${so}` : '';
    return new Interrupted('DOWNLOAD_FAILED', `${this.#what}: ${why}${after}`, {
      cause,
      details: kept ? ['the same command goes on from there'] : [],
    });
  }
}

/** A refused connection to a host with several addresses is an AggregateError without words of its own. */
function connectionTrouble(error: unknown): string {
  const words = messageOf(error) || (systemCode(error) ?? 'the connection failed');
  return words === 'aborted' ? 'the connection was lost' : words;
}
