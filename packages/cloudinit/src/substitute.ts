// $private_ipv4 and its kin: plain replacement over the whole text, before parsing. A backslash
// before the dollar sign keeps the name as it is. (coreos-cloudinit 1.9.3, initialize/env.go)

export type Addresses = {
  readonly publicIpv4?: string;
  readonly privateIpv4?: string;
  readonly publicIpv6?: string;
  readonly privateIpv6?: string;
};

/** A name without an address becomes the empty string. */
export function substitute(text: string, addresses: Addresses): string {
  const names: readonly (readonly [string, string | undefined])[] = [
    ['$public_ipv4', addresses.publicIpv4],
    ['$private_ipv4', addresses.privateIpv4],
    ['$public_ipv6', addresses.publicIpv6],
    ['$private_ipv6', addresses.privateIpv6],
  ];
  let result = text;
  for (const [name, address] of names) {
    const escaped = name.replace('$', '\\$');
    const plain = new RegExp(`(^|[^\\\\])${escaped}`, 'g');
    result = result.replace(plain, (_match, before: string) => before + (address ?? ''));
    result = result.replaceAll(`\\${name}`, name);
  }
  return result;
}

/** Names that stand in `text` and have no address: they become nothing, as in `http://:2379`. */
export function unresolvedNames(text: string, addresses: Addresses): readonly string[] {
  return (
    [
      ['publicIpv4', '$public_ipv4'],
      ['privateIpv4', '$private_ipv4'],
      ['publicIpv6', '$public_ipv6'],
      ['privateIpv6', '$private_ipv6'],
    ] as const
  ).flatMap(([key, name]) => {
    if ((addresses[key] ?? '') !== '') return [];
    return new RegExp(`(^|[^\\\\])\\${name}`).test(text) ? [name] : [];
  });
}

/** The lines of /etc/environment for these addresses. */
export function environmentVariables(addresses: Addresses): readonly (readonly [string, string])[] {
  const all: readonly (readonly [string, string | undefined])[] = [
    ['COREOS_PUBLIC_IPV4', addresses.publicIpv4],
    ['COREOS_PRIVATE_IPV4', addresses.privateIpv4],
    ['COREOS_PUBLIC_IPV6', addresses.publicIpv6],
    ['COREOS_PRIVATE_IPV6', addresses.privateIpv6],
  ];
  return all.flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [[name, value] as const],
  );
}
