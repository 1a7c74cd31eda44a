// User-data as bytes: unpacked when it is gzip, and text when it is UTF-8.
import { decodeContent } from './content.js';
import { CloudinitError } from './findings.js';

/**
 * The text of user-data. Gzip is told by its first two bytes and unpacked once. Bytes that are no
 * UTF-8 become U+FFFD. Throws CloudinitError E_USER_DATA when the gzip is damaged.
 */
export function userDataText(bytes: Buffer): string {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes.toString('utf8');
  const unpacked = decodeContent(bytes, 'gzip');
  if (unpacked.ok) return unpacked.bytes.toString('utf8');
  const message = `Failed decompressing user-data from datasource: ${unpacked.reason}`;
  throw new CloudinitError('E_USER_DATA', message);
}

/** A JSON object that says it is an Ignition config; those are for another program. */
export function isIgnition(text: string): boolean {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return false;
  }
  if (typeof value !== 'object' || value === null) return false;
  const entries = Object.entries(value);
  const version = entries.find(([key]) => key.toLowerCase() === 'ignitionversion')?.[1] as unknown;
  // "1.0" is an integer to JSON.parse but not to the original.
  const written = /"ignitionversion"\s*:\s*-?\d+\s*[,}]/i.test(text);
  if (Number.isInteger(version) && written) return true;
  const section = entries.find(([key]) => key.toLowerCase() === 'ignition')?.[1] as unknown;
  if (typeof section !== 'object' || section === null) return false;
  return typeof (section as { version?: unknown }).version === 'string';
}
