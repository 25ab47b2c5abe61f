import { type Mac, parseMac } from '../../base/mac.ts';

/** What an iPXE tells about the machine it runs on when it asks for its boot script. */
export interface ScriptRequest {
  /** `${uuid}`, the SMBIOS UUID in lower case; empty when the firmware has none or it is no UUID. */
  readonly uuid: string;
  readonly mac: Mac;
  /** `${serial}`, for people. */
  readonly serial: string;
  /** `${platform}`: pcbios or efi. */
  readonly platform: string;
}

/** Longest serial number or platform name that is kept; the rest of a longer one is nothing a person could use. */
const TEXT_LIMIT = 64;

/**
 * `?uuid=..&mac=..&serial=..&platform=..` (HTTP). Undefined without a MAC: then it is the first question of an iPXE,
 * which gets the entry script. Unknown or malformed fields are ignored.
 */
export function scriptRequestFromQuery(query: URLSearchParams): ScriptRequest | undefined {
  const mac = parseMac(query.get('mac') ?? '');
  if (!mac) return undefined;
  return {
    uuid: uuidOrNone(query.get('uuid') ?? ''),
    mac,
    serial: plain(query.get('serial') ?? ''),
    platform: plain(query.get('platform') ?? ''),
  };
}

/** `boot.ipxe/<uuid>/<mac>` (TFTP has no query): `boot.ipxe` alone is the first question. Null when the name is no script's. */
export function scriptRequestFromName(name: string): ScriptRequest | undefined | null {
  const match = /^\/?boot\.ipxe(?:\/([0-9a-fA-F-]{0,36})\/([0-9a-fA-F:-]{12,17}))?$/.exec(name);
  if (!match) return null;
  const mac = parseMac(match[2] ?? '');
  return mac ? { uuid: uuidOrNone(match[1] ?? ''), mac, serial: '', platform: '' } : undefined;
}

/** Whatever else a stranger sends in its place goes no further: scripts and messages may repeat a UUID as it is. */
function uuidOrNone(text: string): string {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text) ? text.toLowerCase() : '';
}

function plain(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '').slice(0, TEXT_LIMIT);
}
