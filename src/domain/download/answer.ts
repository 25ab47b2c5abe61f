/** Where a download stands before it asks. */
export interface Asked {
  /** The first byte that is wanted. */
  readonly from: number;
  /** Of the whole file, bytes; as an earlier answer told. */
  readonly total?: number | undefined;
  /** What If-Range said; present exactly when `from` is not 0. */
  readonly validator?: string | undefined;
}

export interface AnswerHead {
  readonly status: number;
  /** `Not Found`. */
  readonly reason: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** What an answer is good for. */
export type Verdict =
  /** The body is the file from its first byte. */
  | { readonly kind: 'whole'; readonly total: number | undefined; readonly validator: string | undefined }
  /** The body goes on where the part ends. */
  | { readonly kind: 'rest'; readonly total: number | undefined }
  /** What is there fits no more: ask for the whole file. */
  | { readonly kind: 'anew'; readonly why: string }
  /** It may go well in a while. */
  | { readonly kind: 'later'; readonly why: string }
  | { readonly kind: 'refused'; readonly why: string };

/** Request Timeout, Too Early, Too Many Requests, and what a server says that is starting, stopping or overloaded. */
const PASSING = [408, 425, 429, 500, 502, 503, 504];

export function judgeAnswer(answer: AnswerHead, asked: Asked): Verdict {
  const { headers, reason, status } = answer;
  const why = `HTTP ${status} ${reason}`.trimEnd();
  if (status === 200) return { kind: 'whole', total: lengthOf(headers), validator: strongValidator(headers) };
  if (asked.from > 0 && status === 206) return judgePart(headers, asked);
  // RFC 9110 15.5.17: the file has become shorter than what is wanted of it.
  if (asked.from > 0 && status === 416) return { kind: 'anew', why };
  return { kind: PASSING.includes(status) ? 'later' : 'refused', why };
}

/** A 206 is believed only when it is the very rest that was asked for (RFC 9110 14.4). */
function judgePart(headers: AnswerHead['headers'], asked: Asked): Verdict {
  const text = one(headers['content-range']) ?? '';
  const [, first, , whole] = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(text) ?? [];
  const total = whole === undefined || whole === '*' ? asked.total : Number(whole);
  if (Number(first ?? -1) !== asked.from)
    return { kind: 'anew', why: `asked for the bytes from ${asked.from}, it sent "${text}"` };
  const tag = one(headers.etag);
  const changed =
    (asked.total !== undefined && total !== asked.total) ||
    (tag !== undefined && asked.validator?.startsWith('"') === true && tag !== asked.validator);
  return changed ? { kind: 'anew', why: 'the file was changed on the server' } : { kind: 'rest', total };
}

/**
 * What proves that a file is still the same, byte for byte: an entity tag that is not weak, or a time of change at least
 * a second before the answer (RFC 9110 8.8). Undefined: a download cannot be gone on with.
 */
export function strongValidator(headers: AnswerHead['headers']): string | undefined {
  const tag = one(headers.etag);
  if (tag !== undefined) return /^"[\x21\x23-\x7e\x80-\xff]{0,256}"$/.test(tag) ? tag : undefined;
  const changed = one(headers['last-modified']);
  const [at, sent] = [changed, one(headers.date)].map(date => Date.parse(date ?? ''));
  return changed !== undefined && at !== undefined && sent !== undefined && sent - at >= 1000
    ? changed
    : undefined;
}

/** Bytes of the body, where the server tells. */
export function lengthOf(headers: AnswerHead['headers']): number | undefined {
  const text = one(headers['content-length']) ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function one(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0];
}
