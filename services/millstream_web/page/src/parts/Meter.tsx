/** How much of something is used, as a bar of parts. The numbers are said beside it. */
export function Meter({
  label,
  parts,
  total,
}: {
  label: string;
  /** Each with the name of a state's colour. */
  parts: readonly { name: string; state: string; value: number }[];
  total: number;
}) {
  const all = Math.max(total, parts.reduce((sum, part) => sum + part.value, 0), 1);
  const words = parts.filter(({ value }) => value).map(({ name, value }) => `${value} ${name}`);
  const said = `${label}: ${words.join(", ") || "none"}`;
  return (
    <div className="meter" role="img" aria-label={said} title={said}>
      {parts.map(({ name, state, value }) => (
        <span key={name} className={`state-${state}`} style={{ width: `${(100 * value) / all}%` }} />
      ))}
    </div>
  );
}
