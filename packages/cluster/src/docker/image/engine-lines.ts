// What an engine says while it works on an image: JSON objects, one a line, cut anywhere into pieces;
// an object with `error` is the end of the work, though the answer itself was a success.
export type EngineLine = {
  readonly stream?: string;
  readonly status?: string;
  readonly error?: string;
};

/** Throws Error with the engine's sentence when the work failed. */
export async function followEngine(
  answer: NodeJS.ReadableStream,
  onLine: (line: EngineLine) => void,
): Promise<void> {
  let rest = '';
  const take = (text: string): void => {
    if (text.trim() === '') return;
    const line = JSON.parse(text) as EngineLine;
    onLine(line);
    if (line.error !== undefined) throw new Error(line.error);
  };
  for await (const chunk of answer) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(line);
  }
  take(rest);
}
