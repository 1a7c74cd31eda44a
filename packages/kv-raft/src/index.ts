export { decodeEntries, encodeEntries } from './entry-codec.js';
