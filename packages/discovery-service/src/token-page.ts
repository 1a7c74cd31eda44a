// The page of a token for people: seats, who is missing, who came too late, and what that means.
import type { Seat } from './tokens.js';
import { seatsOf } from './tokens.js';

export function renderTokenPage(page: {
  readonly token: string;
  readonly size: number;
  readonly registrations: readonly Seat[];
}): string {
  const { seated, late, missing } = seatsOf(page.size, page.registrations);
  const row = (seat: Seat, place: string): string =>
    `<tr><td>${place}</td><td>${escape(seat.id)}</td><td>${escape(seat.value)}</td></tr>`;
  const rows = [
    ...seated.map((seat, i) => row(seat, String(i + 1))),
    ...late.map((seat) => row(seat, 'late')),
  ].join('\n');
  const state =
    missing === 0
      ? 'Complete: every machine that comes now runs as a proxy (or exits, with ' +
        '<code>--discovery-fallback=exit</code>).'
      : `Waiting for ${missing} more. Machines that have registered wait for them.`;
  const lateNote =
    late.length === 0
      ? ''
      : '<p>Late machines registered after the seats were taken; they run as proxies.</p>';
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Token ${escape(page.token)}</title></head>
<body><h1>Token ${escape(page.token)}</h1>
<p>Seats: ${seated.length} of ${page.size}. ${state}</p>
<table border="1"><tr><th>seat</th><th>member id</th><th>name and peer URLs</th></tr>
${rows}
</table>
${lateNote}
<p>A token serves one cluster once. A machine that lost its data cannot register again: remove the
member from the running cluster and add it anew.</p>
</body></html>
`;
}

function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
