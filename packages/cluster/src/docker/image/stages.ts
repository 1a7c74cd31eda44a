// A Dockerfile cut down to one target. Engines without BuildKit run every stage above the target,
// needed or not. (docs.docker.com, Dockerfile reference: FROM, COPY --from)

/** What stands before the first stage, and the stages that `target` is made from. Pure. */
export function stagesFor(dockerfile: string, target: string): string {
  const [head = '', ...rest] = dockerfile.split(/^(?=FROM )/m);
  const stages = rest.map((text) => {
    const [, from = '', name = ''] = /^FROM\s+(\S+)(?:\s+AS\s+(\S+))?/i.exec(text) ?? [];
    const copied = [...text.matchAll(/--from=(\S+)/g)].map(([, one = '']) => one);
    return { name, text, needs: [from, ...copied] };
  });
  const wanted = new Set([target]);
  for (const { name, needs } of [...stages].reverse()) {
    if (wanted.has(name)) for (const need of needs) wanted.add(need);
  }
  return (
    head +
    stages
      .filter(({ name }) => wanted.has(name))
      .map(({ text }) => text)
      .join('')
  );
}
