// The Node binary that images get: the one that runs this program, if it needs nothing that a bare
// Debian lacks.
import { execFile } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { ClusterError } from '../../errors.js';

/** What every Debian has; see ldd(1) of a Node that was built by nodejs.org. */
const usual = /^(linux-vdso|linux-gate|ld-linux.*|lib(c|stdc\+\+|gcc_s|m|dl|pthread))\.so(\.\d+)*$/;

export type NodeBinary = {
  readonly path: string;
  /** The loader and the libraries: where the binary looks for them, and the files behind. */
  readonly libraries: readonly { readonly path: string; readonly file: string }[];
};

/** Throws ClusterError E_IMAGE_BUILD when the binary needs other libraries. */
export async function readNodeBinary(binary: string = process.execPath): Promise<NodeBinary> {
  const output = await new Promise<string>((resolve, reject) => {
    execFile('ldd', [binary], (error, stdout, stderr) => {
      const isStatic = /not a dynamic executable|statically linked/.test(`${stdout}${stderr}`);
      if (error === null || isStatic) resolve(isStatic ? '' : stdout);
      else {
        const why = `cannot learn what ${binary} is linked with: ${stderr.trim() || error.message}`;
        reject(new ClusterError('E_IMAGE_BUILD', why, { remedies: [...baseRemedies] }));
      }
    });
  });
  const libraries = librariesOf(output, binary);
  return {
    path: binary,
    libraries: libraries.map((path) => ({ path, file: realpathSync(path) })),
  };
}

const baseRemedies = ['corral image build --base node:20-bookworm-slim'] as const;

/** The paths in the output of ldd(1). Pure. Throws ClusterError E_IMAGE_BUILD. */
export function librariesOf(output: string, binary: string): readonly string[] {
  const paths: string[] = [];
  const foreign: string[] = [];
  for (const line of output.split('\n')) {
    const words = line.trim().replace(/ \(0x[0-9a-f]+\)$/, '');
    if (words === '') continue;
    const [name = '', path = name] = words.split(' => ');
    const file = name.slice(name.lastIndexOf('/') + 1);
    if (!usual.test(file) || path === 'not found') foreign.push(file);
    else if (path.startsWith('/')) paths.push(path);
  }
  if (foreign.length === 0) return paths;
  throw new ClusterError(
    'E_IMAGE_BUILD',
    `${binary} cannot go into an image: it needs ${foreign.join(', ')}, which a bare Debian does ` +
      'not have',
    {
      details: { foreign },
      remedies: ['run corral with a Node of nodejs.org, whose libraries are few', ...baseRemedies],
    },
  );
}
