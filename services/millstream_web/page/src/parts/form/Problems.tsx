/** What is wrong with a form as a whole, told at once to those who hear the page. */
export function Problems({ of }: { of: readonly string[] }) {
  return (
    <div role="alert">
      {of.map((each) => (
        <p key={each} className="problem">
          {each}
        </p>
      ))}
    </div>
  );
}
