import { quote } from '../../base/diagnostic.ts';
import { messageOf } from '../../base/error.ts';
import type { Ipv4 } from '../../base/ipv4.ts';
import type { Clock, Log, OpenUdp, Service, UdpPeer, UdpSocket } from '../../base/ports.ts';
import { isRefusal, type ServedFile, type ServedFiles } from '../../base/served.ts';
import type { Timeline } from '../../domain/node/timeline.ts';
import { negotiate } from '../../wire/tftp/options.ts';
import { decodeTftp, encodeTftp, isRequest, type TransferRequest } from '../../wire/tftp/packet.ts';
import { Admission, type AdmissionLimits, type Place } from './admission.ts';
import { FileBlocks } from './blocks.ts';
import { ChunkCache } from './chunks.ts';
import {
  type Ending,
  endingOf,
  endingOfRefusal,
  READ_ONLY,
  refusalOf,
  type TftpRefusal,
  unknownMode,
} from './ending.ts';
import { ownLine, SharedLines } from './lines.ts';
import { type OpenLine, Session } from './session.ts';
import { StormFiles } from './storm.ts';

export interface TftpLimits extends AdmissionLimits {
  /** Smallest MTU on the way to the machines, bytes; blksize stays 32 below it. */
  readonly mtu: number;
}

export interface TftpParts {
  readonly openUdp: OpenUdp;
  readonly clock: Clock;
  readonly log: Log;
  readonly timeline: Timeline;
  readonly files: ServedFiles;
  /** Local addresses, one listening socket each: the answer must come from the address that was asked. */
  readonly addresses: readonly Ipv4[];
  /** 69 outside of tests; 0 lets the system choose. */
  readonly port: number;
  /** All transfers on the listening sockets, for firewalls and address translators between here and the machines. */
  readonly singlePort: boolean;
  readonly limits: TftpLimits;
}

/** A storm of 500 requests fits in (baselines A1). Bytes. */
const RECEIVE_BUFFER = 4 * 1024 * 1024;
/** netascii is answered like octet: all files here are for machines, and one changed byte breaks a boot file. */
const MODES: ReadonlySet<string> = new Set(['octet', 'netascii']);
const STOP_WITHIN_MS = 1000;
const FULL_WARNING_EVERY_MS = 10_000;

/** Read-only TFTP server: RFC 1350, 2347 to 2349, 7440; checklist rows MH-40 and MH-50. */
export class TftpService implements Service {
  readonly name = 'tftp';
  readonly #parts: TftpParts;
  readonly #admission: Admission;
  readonly #cache = new ChunkCache();
  readonly #files: StormFiles;
  readonly #lines = new SharedLines();
  #listeners: UdpSocket[] = [];
  /** Work that `stop` waits for. */
  readonly #underWay = new Set<Promise<void>>();
  #listening = false;
  #warnedFullAt = Number.NEGATIVE_INFINITY;

  constructor(parts: TftpParts) {
    this.#parts = parts;
    this.#admission = new Admission(parts.limits);
    this.#files = new StormFiles(parts.files);
  }

  /** Rejects with PORT_IN_USE, NO_PERMISSION or ADDRESS_MISSING, and then listens nowhere. */
  async start(): Promise<void> {
    this.#listening = true;
    try {
      for (const address of this.#parts.addresses) this.#listeners.push(await this.#listen(address));
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Tells every client, and waits at most a second for sockets and files to close. */
  async stop(): Promise<void> {
    this.#listening = false;
    for (const session of this.#admission.sessions()) session.abort('the server stops');
    for (const listener of this.#listeners.splice(0)) this.#track(listener.close());
    await this.#settled(STOP_WITHIN_MS);
    this.#cache.clear();
  }

  health(): string | undefined {
    return this.#listening ? undefined : 'tftp: does not listen';
  }

  /** Where it listens; with port 0 this is how to learn the port. */
  get endpoints(): readonly UdpPeer[] {
    return this.#listeners.map(listener => listener.local);
  }

  /** Transfers under way. */
  get transfers(): number {
    return this.#admission.size;
  }

  async #listen(address: Ipv4): Promise<UdpSocket> {
    const { openUdp, port, log } = this.#parts;
    const listener: UdpSocket = await openUdp({
      address,
      port,
      receiveBuffer: RECEIVE_BUFFER,
      onDatagram: (bytes, from) => this.#onDatagram(listener, bytes, from),
      onError: error => log.warn('tftp', `${address}: ${error.message}`),
    });
    return listener;
  }

  /**
   * One datagram in, a transfer or one ERROR out. What is no request gets no answer: its sender may be forged, and
   * where it is a late acknowledgement, an ERROR would hit what a PXE ROM does next from the same port.
   */
  #onDatagram(listener: UdpSocket, bytes: Uint8Array, from: UdpPeer): void {
    const ofTransfer = this.#parts.singlePort && !isRequest(bytes);
    if (ofTransfer && this.#lines.deliver(transferId(listener, from), bytes)) return;
    const request = decodeTftp(bytes);
    if (request?.kind !== 'rrq' && request?.kind !== 'wrq') this.#ignore(from, 'a packet that is no request');
    else if (request.kind === 'wrq') this.#refuse(listener, from, request, READ_ONLY);
    else if (!MODES.has(request.mode)) this.#refuse(listener, from, request, unknownMode(request.mode));
    else this.#onReadRequest(listener, request, from);
  }

  #onReadRequest(listener: UdpSocket, request: TransferRequest, from: UdpPeer): void {
    const id = transferId(listener, from);
    const place: Place = { id, client: from.address, request, since: this.#parts.clock.elapsed() };
    const verdict = this.#admission.admit(place);
    if (verdict === 'repetition') this.#ignore(from, 'a repeated request');
    else if (verdict === 'full') this.#warnFull(from);
    else this.#track(this.#serve(place, listener, from));
  }

  /** Never rejects. */
  async #serve(place: Place, listener: UdpSocket, from: UdpPeer): Promise<void> {
    try {
      const file = await this.#files.open(place.request.filename, from.address);
      if (isRefusal(file)) {
        this.#admission.release(place);
        this.#refuse(listener, from, place.request, refusalOf(file));
      } else if (this.#listening && this.#admission.holds(place))
        await this.#begin(place, file, listener, from);
      else await file.close();
    } catch (error) {
      this.#admission.release(place);
      this.#parts.log.warn('tftp', `${from.address}: ${quote(place.request.filename)}: ${messageOf(error)}`);
    }
  }

  async #begin(place: Place, file: ServedFile, listener: UdpSocket, peer: UdpPeer): Promise<void> {
    const { clock, limits } = this.#parts;
    const { request, since } = place;
    const { accepted, blksize, windowsize, timeoutMs } = negotiate(request.options, limits, file.size);
    const session = new Session({
      openLine: this.#lineTo(place, listener, peer),
      clock,
      file,
      blocks: new FileBlocks(file, blksize, this.#cache),
      plan: { size: file.size, blksize, windowsize, timeoutMs, oack: accepted.size > 0 },
      accepted,
      onEnd: (outcome, state) => {
        this.#admission.release(place);
        this.#track(session.close());
        this.#report(peer, endingOf(request.filename, outcome, state, Math.round(clock.elapsed() - since)));
      },
    });
    place.session = session;
    await session.start().catch(async (error: unknown) => {
      await session.close();
      throw error;
    });
    // A stop or a new request may have come while the socket was being opened.
    if (!this.#listening) session.abort('the server stops');
    else if (!this.#admission.holds(place)) session.abandon('others needed its place');
  }

  #lineTo({ id }: Place, listener: UdpSocket, peer: UdpPeer): OpenLine {
    const { openUdp, singlePort } = this.#parts;
    return singlePort ? this.#lines.line(id, listener, peer) : ownLine(openUdp, listener.local.address, peer);
  }

  #refuse(listener: UdpSocket, to: UdpPeer, request: TransferRequest, refusal: TftpRefusal): void {
    listener.send(encodeTftp({ kind: 'error', ...refusal }), to);
    this.#report(to, endingOfRefusal(request.filename, refusal));
  }

  #report({ address }: UdpPeer, { level, text, stage, bytes, milliseconds, facts }: Ending): void {
    const { log, timeline, clock } = this.#parts;
    log[level]('tftp', `${address}: ${text}`, { address, stage, bytes, milliseconds });
    if (!stage) return;
    timeline.record({
      at: clock.now(),
      stage,
      text,
      address,
      bytes,
      milliseconds,
      protocol: 'tftp',
      ...facts,
    });
  }

  #ignore(from: UdpPeer, what: string): void {
    this.#parts.log.debug('tftp', `${from.address}: ignored ${what}`);
  }

  /** No answer: an ERROR would end the boot, silence makes the client ask again. */
  #warnFull(from: UdpPeer): void {
    const { clock, log } = this.#parts;
    if (clock.elapsed() - this.#warnedFullAt < FULL_WARNING_EVERY_MS) return;
    this.#warnedFullAt = clock.elapsed();
    log.warn('tftp', `${from.address}: a request gets no answer for now: too many transfers are running`, {
      transfers: this.#admission.size,
    });
  }

  #track(work: Promise<void>): void {
    this.#underWay.add(work);
    void work.finally(() => this.#underWay.delete(work));
  }

  async #settled(milliseconds: number): Promise<void> {
    let late = false;
    let callOff = (): void => {};
    const limit = new Promise<void>(resolve => {
      callOff = this.#parts.clock.after(milliseconds, () => {
        late = true;
        resolve();
      });
    });
    while (this.#underWay.size > 0 && !late) await Promise.race([Promise.all(this.#underWay), limit]);
    callOff();
  }
}

/** The transfer identifiers of both sides: the addresses, and the client's port. */
function transferId(listener: UdpSocket, from: UdpPeer): string {
  return `${listener.local.address} ${from.address}:${from.port}`;
}
