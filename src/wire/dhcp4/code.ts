/** The option numbers that pxen reads or writes; each names its source. */
export const OPTION = {
  /** RFC 2132 3.3 */
  subnetMask: 1,
  /** RFC 2132 3.5 */
  router: 3,
  /** RFC 2132 3.8 */
  dns: 6,
  /** RFC 2132 3.14 */
  hostName: 12,
  /** RFC 2132 3.17 */
  domainName: 15,
  /** RFC 2132 5.3 */
  broadcastAddress: 28,
  /** RFC 2132 8.4 */
  vendorSpecific: 43,
  /** RFC 2132 9.1 */
  requestedAddress: 50,
  /** RFC 2132 9.2, seconds */
  leaseTime: 51,
  /** RFC 2132 9.3 */
  overload: 52,
  /** RFC 2132 9.6 */
  messageType: 53,
  /** RFC 2132 9.7 */
  serverId: 54,
  /** RFC 2132 9.8 */
  parameterList: 55,
  /** RFC 2132 9.9 */
  message: 56,
  /** RFC 2132 9.10, bytes with the IP and UDP headers */
  maxMessageSize: 57,
  /** RFC 2132 9.11, seconds */
  renewalTime: 58,
  /** RFC 2132 9.12, seconds */
  rebindingTime: 59,
  /** RFC 2132 9.13 */
  vendorClass: 60,
  /** RFC 2132 9.14 */
  clientId: 61,
  /** RFC 2132 9.4 */
  tftpServer: 66,
  /** RFC 2132 9.5 */
  bootFile: 67,
  /** RFC 3004 */
  userClass: 77,
  /** RFC 3046 */
  relayAgent: 82,
  /** RFC 4578 2.1 */
  architecture: 93,
  /** RFC 4578 2.2 */
  networkInterface: 94,
  /** RFC 4578 2.3 */
  machineUuid: 97,
  /** iPXE's own encapsulated options, https://ipxe.org/howto/dhcpd */
  ipxe: 175,
} as const;

const OPTION_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(OPTION).map(([name, code]) => [code, name]),
);

/** `97 machineUuid`, or the bare number of an option that pxen does not use. */
export function optionName(code: number): string {
  const name = OPTION_NAMES.get(code);
  return name ? `${code} ${name}` : String(code);
}

/** Option 53, RFC 2132 9.6. */
export const MESSAGE_TYPES = {
  1: 'DISCOVER',
  2: 'OFFER',
  3: 'REQUEST',
  4: 'DECLINE',
  5: 'ACK',
  6: 'NAK',
  7: 'RELEASE',
  8: 'INFORM',
} as const;

export type MessageType = (typeof MESSAGE_TYPES)[keyof typeof MESSAGE_TYPES];

const MESSAGE_CODES: ReadonlyMap<MessageType, number> = new Map(
  Object.entries(MESSAGE_TYPES).map(([code, name]) => [name, Number(code)]),
);

export function messageTypeFromCode(code: number): MessageType | undefined {
  return (MESSAGE_TYPES as Readonly<Record<number, MessageType>>)[code];
}

export function messageTypeCode(type: MessageType): number {
  return MESSAGE_CODES.get(type) ?? 0;
}
