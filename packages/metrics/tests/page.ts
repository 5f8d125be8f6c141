// What a scrape got, by its series.

/** The value of a series; undefined if it is not there. */
export const valueOf = (page: string, series: string): number | undefined => {
  const line = page.split("\n").find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
};

/** All series with their values, in no order. */
export const seriesOf = (page: string): [series: string, value: number][] =>
  page.split("\n").filter((line) => line !== "" && !line.startsWith("#")).map((line) => {
    const end = line.lastIndexOf(" ");
    return [line.slice(0, end), Number(line.slice(end + 1).replace("+Inf", "Infinity"))];
  });
