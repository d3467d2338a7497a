/** A choice in a form. */
export function Check({ name, is, set }: { name: string; is: boolean; set: (is: boolean) => void }) {
  return (
    <label className="check">
      <input type="checkbox" checked={is} onChange={(event) => set(event.target.checked)} />
      {name}
    </label>
  );
}
