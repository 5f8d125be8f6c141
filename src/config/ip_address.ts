// isIpAddress(): whether a text is an IP address, as the original's configs have them. Resolves no names.
// Runtime neutral.

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/;
/** What an IPv6 address is made of; whether it is one, `URL` knows. */
const IPV6_CHARACTERS = /^[\da-f:.]+$/i;

/**
 * Says whether a text is an IPv4 or IPv6 address.
 *
 * @param text The text.
 * @returns false for host names, zones and ports too.
 */
export function isIpAddress(text: string): boolean {
  if (IPV4.test(text)) return true;
  return text.includes(":") && IPV6_CHARACTERS.test(text) && URL.canParse(`http://[${text}]/`);
}
