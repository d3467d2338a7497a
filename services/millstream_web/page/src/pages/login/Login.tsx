import { type FormEvent, useState } from "react";
import { logIn } from "../../app/session";
import { Failure } from "../../parts/Query";
import "./login.css";

/** Shown in place of every page to whoever has to log in. */
export function Login() {
  const [token, setToken] = useState("");
  const [error, setError] = useState<Error | null>(null);
  const [isBusy, setBusy] = useState(false);

  async function submit(event: FormEvent) {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await logIn(token.trim());
    } catch (problem) {
      setError(problem instanceof Error ? problem : new Error(String(problem)));
      setBusy(false);
    }
  }

  return (
    <form className="login sheet form" onSubmit={(event) => void submit(event)}>
      <h1>Log in</h1>
      <label>
        API token
        <input
          type="password"
          name="token"
          autoComplete="current-password"
          spellCheck={false}
          required
          autoFocus
          value={token}
          onChange={(event) => setToken(event.target.value)}
        />
      </label>
      {error && <Failure error={error} />}
      <button type="submit" className="main" disabled={isBusy || !token.trim()}>
        Log in
      </button>
      <p className="faint">
        An administrator makes one with <code>millstream tokens create USER</code>.
      </p>
    </form>
  );
}
