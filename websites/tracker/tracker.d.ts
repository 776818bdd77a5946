/** What /tracker.js gives to a page, as window.PivotMetrics. */

type EventProperties = Record<string, unknown>;

interface PivotMetrics {
  /** Queue an event; any other type than pageview, click and custom is the name of a custom one. */
  track(
    eventType: "pageview" | "click" | "custom" | (string & {}),
    properties?: EventProperties,
  ): void;
  /** Send what waits; resolves when that is done, and never rejects. */
  flush(): Promise<void>;
  /** Allow, or forbid, and forget the visitor; see data-consent. */
  consent(isGiven: boolean): void;
  /** Refuse for this browser, in all tabs of the site, and forget the visitor. */
  optOut(): void;
  /** Withdraw the refusal. */
  optIn(): void;
  /** Whether this browser refuses, by optOut() or by a signal of its own. */
  isOptedOut(): boolean;
}

interface Window {
  PivotMetrics: PivotMetrics;
  TRACKER_CODE?: string;
  TRACKER_API?: string;
  TRACKER_DEBUG?: boolean;
}

declare const PivotMetrics: PivotMetrics;
