import { Component, type ReactNode } from "react";
import { feed } from "../live/feed";
import { Failure } from "../parts/Query";

interface Props {
  children: ReactNode;
  /** The address; another one is another chance. */
  location: string;
}

const UNLOADED = /dynamically imported module|importing a module|preload css/i;

/** A mistake in one page is shown in its place; the rest goes on. */
export class Guard extends Component<Props, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };
  private unwatch: (() => void) | undefined;

  static getDerivedStateFromError(error: Error): { error: Error } {
    return { error };
  }

  // A part of the page that did not come is remembered as missing by the browser until it loads all anew.
  override componentDidMount(): void {
    this.unwatch = feed.watch(() => {
      if (feed.state === "live" && this.isUnloaded) window.location.reload();
    });
  }

  override componentDidUpdate(before: Props): void {
    if (before.location !== this.props.location && this.state.error && !this.isUnloaded) {
      this.setState({ error: null });
    }
  }

  override componentWillUnmount(): void {
    this.unwatch?.();
  }

  private get isUnloaded(): boolean {
    return UNLOADED.test(this.state.error?.message ?? "");
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (!error) return this.props.children;
    if (!this.isUnloaded) return <Failure error={error} again={() => this.setState({ error: null })} />;
    const words = new Error("This part of the page did not come: Millstream does not answer.");
    return <Failure error={words} again={() => window.location.reload()} />;
  }
}
