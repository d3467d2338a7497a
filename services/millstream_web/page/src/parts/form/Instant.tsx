import { useSettings } from "../../app/settings";
import { fromInput, toInput } from "./instants";
import { Labelled } from "./Labelled";

/** A date with a time, in the zone that the reader chose. */
export function Instant({
  label,
  value,
  onChange,
  hint,
  problem,
  isRequired,
}: {
  label: string;
  value: string | undefined;
  onChange: (iso: string | undefined) => void;
  hint?: string;
  problem?: string | undefined;
  isRequired?: boolean;
}) {
  const { zone } = useSettings();
  return (
    <Labelled
      label={`${label} (${zone === "utc" ? "UTC" : "local time"})`}
      hint={hint}
      problem={problem}
      isRequired={isRequired ?? false}
    >
      {(wired) => (
        <input
          {...wired}
          type="datetime-local"
          step={1}
          value={toInput(value, zone)}
          onChange={(event) => onChange(fromInput(event.target.value, zone))}
        />
      )}
    </Labelled>
  );
}
