/*
 * The tracking script: page views, clicks and custom events of a website, sent to Millrace.
 *
 *   <script async src="https://millrace.example/tracker.js" data-tracking-code="pm-..."></script>
 *
 * config/docs/script.md has its attributes, its calls and what it sends. Browsers get tracker.min.js,
 * which `make script` makes of this file; it may have 3,000 bytes as Brotli, so texts and numbers that
 * occur once are written where they are used. Nothing here may throw into the page.
 */
try {
  (() => {
    const waiting = window.PivotMetrics?.q ?? [];
    if (!waiting.map) return; // loaded twice

    // ---- What the page asks for ----

    // The current script is none in a module, and another one in a bundle.
    const script = document.querySelector("[data-tracking-code^=pm-]") ?? document.currentScript;
    const data = script?.dataset ?? {};
    const isOn = (value) => (value ?? "false") != "false";

    const trackingCode = data.trackingCode || window.TRACKER_CODE;
    const api =
      data.apiUrl || window.TRACKER_API || new URL("/api/v1/events", script?.src || location);
    const isAutomatic = data.auto != "false";
    const links = isAutomatic ? data.links || "all" : "off";
    const isCounted =
      trackingCode &&
      !navigator.webdriver &&
      location.host && // none in file:, about: and the like
      (isOn(data.local) || !/localhost$|^127\.|^\[::1/.test(location.hostname)) &&
      (isOn(data.frames) || self == top);

    const debug = (...values) =>
      (isOn(data.debug) || window.TRACKER_DEBUG) && console.debug(...values);

    const safely =
      (call) =>
      (...values) => {
        try {
          return call(...values);
        } catch {}
      };

    const on = (types, call) =>
      types.split(" ").map((type) => addEventListener(type, safely(call), true));

    // ---- Storage: the browser's, or the page's own where that is refused or full ----

    const VISITOR = "pm_visitor";
    const SESSION = "pm_session_" + trackingCode; // its id, last event, and whether it had a view
    const QUEUE = "pm_queue."; // and its id: an event that no request has delivered, of any tab
    const REFUSAL = "pm_optout";
    const storage = safely(() => localStorage)() ?? {};
    const memory = {};

    const read = safely((key) => memory[key] || storage[key]);

    const write = safely((key, text) => {
      storage[key] = memory[key] = text;
      delete memory[key];
    });

    const remove = safely((key) => {
      delete memory[key];
      delete storage[key];
    });

    // ---- Consent and refusal, looked up anew for every event and every request ----

    let hasConsent = data.consent != "required";

    const isOptedOut = () =>
      !!read(REFUSAL) ||
      navigator.globalPrivacyControl ||
      (isOn(data.respectDnt) && navigator.doNotTrack == 1);

    const isAllowed = () => isCounted && hasConsent && !isOptedOut();

    const forget = () => {
      [VISITOR, SESSION, ...queuedKeys()].map(remove);
      view = untitled = 0;
      retry = clearTimeout(retry);
    };

    const optOut = () => {
      forget(); // first, so that there is room in the storage
      write(REFUSAL, 1);
    };

    const consent = (isGiven) => ((hasConsent = isGiven) ? start() : forget());

    // ---- Events ----

    const agent = navigator.userAgent;
    const deviceType =
      /ipad|android(?!.*mobi)/i.test(agent) || (/Macin/.test(agent) && navigator.maxTouchPoints > 1)
        ? "tablet"
        : /mobi/i.test(agent)
          ? "mobile"
          : "desktop";
    let made = 0;

    /** Replace each zero of a pattern by a digit: a given one, or else a random one. */
    const fill = (pattern, base, ...digits) =>
      pattern.replace(/0/g, () => digits.shift() || ((Math.random() * base) | 0).toString(base));

    const PAGE = fill("000000000000", 16); // the end of the ids of its events

    const newId = (kind) => kind + Date.now() + "-" + fill("000000000", 36);

    const keptQuery = () =>
      location.search
        .slice(1)
        .split("&")
        .filter(
          (part) =>
            data.query == "all" ||
            /^(utm_\w+|ref|source|gclid|fbclid|msclkid)(=|$)/.test(part) ||
            data.query?.split(/[\s,]+/).includes(part.split("=")[0] || 0),
        )
        .join("&")
        .replace(/^(?=.)/, "?");

    const address = (hasQuery) => {
      const path = location.origin + location.pathname;
      const url = path + (hasQuery ? keptQuery() : "") + (isOn(data.hash) ? location.hash : "");
      return (url[2048] ? path : url).slice(0, 2048);
    };

    /** Return a new event; its id is a UUIDv7, and those of a page ascend within a millisecond, too. */
    const make = (eventType, properties) => {
      const timestamp = (made = Math.max(Date.now(), made + 1));
      const isView = eventType == "pageview";
      let [sessionId, last, hadView] = (read(SESSION) || "").split(" ");
      if (!(Math.abs(timestamp - last) < 18e5 && timestamp - sessionId.split("-")[1] < 864e5))
        [sessionId, hadView] = [newId("sess-")];
      write(SESSION, `${sessionId} ${timestamp} ${isView || hadView ? 1 : ""}`);
      const visitorId = read(VISITOR) || newId("vis-");
      write(VISITOR, visitorId);
      return {
        trackingCode,
        eventType,
        url: address(true),
        sessionId,
        visitorId,
        deviceType,
        timestamp,
        id: fill("00000000-0000-7000-a000-", 16, "0", ...timestamp.toString(16)) + PAGE,
        properties:
          isView && !hadView
            ? { ...properties, screen: `${screen.width}x${screen.height}` }
            : properties,
      };
    };

    const track = (eventType, properties) => {
      if (!eventType || !eventType.trim) return; // no text
      if (JSON.stringify(properties)?.[0] != "{") properties = undefined;
      if (!/^(pageview|click|custom)$/.test(eventType)) {
        properties = { ...properties, name: eventType };
        eventType = "custom";
      }
      if (isAllowed() && size(JSON.stringify(properties)) <= 1e4)
        add(eventType == "pageview" ? enter(properties) : make(eventType, properties));
    };

    // ---- Page views ----

    let referrer = document.referrer; // until a view has it
    let route; // by which pages differ; set by the first view
    let view; // the event of the latest one
    let untitled; // the same, until its title is read

    /** Count the first view, once the page is visible and somebody may be counted. */
    const start = () => route || document.hidden || show();

    const navigate = () => {
      if (location.hash == "#pm-optout") optOut();
      if (!route) start();
      else if (route != address(isOn(data.query))) show(200);
    };

    /** Count a view; one within a document gets its title a moment later. */
    const show = (delay = 50) => {
      if (!isAllowed()) return;
      route = address(isOn(data.query));
      if (isAutomatic)
        untitled = enter({ title: "", pathname: location.pathname.slice(0, 2048) });
      clearTimeout(timer);
      timer = setTimeout(flush, delay);
    };

    const readTitle = () => {
      if (!untitled) return;
      [untitled.properties.title] = document.title.match(/^.{0,500}/su);
      add(untitled);
      untitled = 0;
    };

    /** Return the event of a new view, from which on engagement is measured anew. */
    const enter = (properties) => {
      readTitle();
      engage();
      measure();
      view = make("pageview", properties);
      if (referrer && !referrer[2048] && referrer.split("/")[2] != location.host)
        view.referrer = referrer;
      referrer = "";
      inUse = scroll = sentUse = sentScroll = 0;
      lastInput = measuredAt;
      return view;
    };

    // ---- Engagement: how long the page was in use, and how much of it was seen ----

    let inUse, scroll, sentUse, sentScroll; // milliseconds and per cent
    let isInUse, measuredAt, lastInput;

    const measure = () => {
      const now = performance.now();
      if (isInUse) inUse += Math.max(0, Math.min(now, lastInput + 18e5) - measuredAt);
      scroll = Math.max(
        scroll,
        Math.min(
          100,
          Math.round((100 * (scrollY + innerHeight)) / document.documentElement.scrollHeight),
        ),
      );
      measuredAt = now;
      isInUse = !document.hidden && document.hasFocus();
    };

    const engage = () => {
      measure();
      if (!view || !isAllowed()) return;
      if (sentUse ? inUse < sentUse + 3e3 && scroll <= sentScroll : inUse < 1e3) return;
      sentUse = inUse;
      sentScroll = scroll;
      const { id: page, url, sessionId } = view;
      add({
        ...make("custom", { name: "$engagement", seconds: Math.round(inUse / 1e3), scroll, page }),
        url,
        sessionId,
      });
    };

    // ---- Links, forms, and elements that name an event ----

    const trackElement = ({ dataset }) => track(dataset.pmEvent, parse(dataset.pmProperties));

    const resolve = (address) => new URL(address, document.baseURI);

    const trackLink = (link) => {
      const { protocol, host, pathname, href } = resolve(link.getAttribute("href"));
      const kind =
        protocol == "mailto:"
          ? "mail"
          : link.hasAttribute("download") ||
              /\.(zip|rar|gz|pdf|csv|docx?|xlsx?|pptx?|dmg|exe|mp[34])$/i.test(pathname)
            ? "download"
            : host == location.host
              ? "internal"
              : "outbound";
      if (protocol == "javascript:" || (links == "outbound" && kind == "internal")) return;
      track("click", {
        elementText: link.textContent.trim().match(/^.{0,100}/su)[0],
        href: href.slice(0, 2048),
        kind,
      });
    };

    const noteClick = (event) => {
      if (event.button > 1) return; // the right button opens nothing
      const closest = (selector) => event.composedPath().find((node) => node.matches?.(selector));
      const named = closest("[data-pm-event]:not(form)");
      const link = closest("a[href],area[href]");
      if (named) trackElement(named);
      if (link && links != "off") trackLink(link);
    };

    const noteSubmit = ({ target }) => {
      if (target.dataset.pmEvent) trackElement(target);
      if (links == "all")
        track("form_submit", { action: resolve(target.getAttribute("action") ?? "").pathname });
    };

    // ---- The queue: it is in storage, so what one page cannot send, another one does ----
    //
    // Each event has a key of its own: tabs in different processes see each other's writes late, so
    // a text that they all change would lose events.

    let requests = Promise.resolve(); // one after the other
    let timer; // of the next request
    let retry; // the same, after one that failed
    let failures = 0;
    const inFlight = {}; // ids of events whose requests are not answered yet
    const repeated = {}; // ids of events that were sent once more: V, without id and time, or P

    const size = (text) => new Blob([text]).size;
    const parse = safely(JSON.parse);

    const queuedKeys = () =>
      Object.keys({ ...storage, ...memory })
        .filter((key) => key.startsWith(QUEUE))
        .sort();

    /** Return the events that wait, the oldest first; what is none, or too old, is removed. */
    const queued = () =>
      queuedKeys()
        .map((key) => {
          const event = parse(read(key));
          if (QUEUE + event?.id == key && Date.now() - event.timestamp < 864e5) return event;
          remove(key);
        })
        .filter((event) => event && !inFlight[event.id]);


    /** Queue an event; at most 100 are kept and 60 kB, as browsers let 64 kB outlive their page. */
    const add = (event) => {
      if (!isAllowed()) return;
      debug(event);
      write(QUEUE + event.id, JSON.stringify(event));
      const keys = queuedKeys();
      while (keys[100] || size(keys.map(read)) > 6e4) remove(keys.shift());
      timer ||= setTimeout(flush, 50); // for others to join
    };

    const flush = () => {
      readTitle();
      timer = clearTimeout(timer);
      // One tab at a time sends the events of others. Outside of https there are no locks.
      return (requests = requests
        .then(() => navigator.locks.request(QUEUE, { ifAvailable: true }, drain))
        .catch(drain));
    };

    const drain = async (mayTakeAll) => {
      let events;
      while (
        !retry &&
        isAllowed() &&
        (events = queued().filter(({ id }) => mayTakeAll || id.endsWith(PAGE)))[0]
      )
        await send(events);
    };

    const resume = () => {
      retry = clearTimeout(retry);
      return flush();
    };

    /** Return a body without NUL, for which the service would refuse it, and without half emojis. */
    const bodyOf = (events) => {
      const plain = events.map((event) =>
        repeated[event.id] == "V" ? { ...event, id: undefined, timestamp: undefined } : event,
      );
      return JSON.stringify(events[1] ? { events: plain } : plain[0]).replace(
        /(\\\\)|\\u(0000|d...)/g,
        "$1",
      );
    };

    /** Send events; what fails stays in the queue for another try. Never rejects. */
    const send = async (events) => {
      const url = api + (events[1] ? "/batch" : "");
      const body = bodyOf(events);
      let response,
        errors = [];
      events.map((event) => (inFlight[event.id] = 1));
      try {
        response = await fetch(url, {
          method: "POST",
          credentials: "omit",
          keepalive: true,
          signal: AbortSignal.timeout?.(3e4),
          body, // as text/plain, so that no preflight is needed
        });
        if (response.status == 207) errors = [...(await response.json()).errors];
      } catch {
        if (document.hidden && !response) navigator.sendBeacon(url, body);
      }
      events.map((event) => delete inFlight[event.id]);
      const status = response?.status;
      if (!isAllowed()) return;
      if (status != 429 && status < 500) {
        failures = 0;
        events.map((event, index) => {
          const error = status == 400 ? "V" : errors.find((each) => each?.index == index)?.error;
          if (repeated[event.id] || !/^[VP]/.test(error)) remove(QUEUE + event.id);
          else repeated[event.id] = error[0];
        });
      } else {
        const after = response?.headers.get("Retry-After");
        const seconds = after > 0 ? Math.min(after, 3600) : Math.min(5 * 2 ** failures++, 300);
        retry ||= setTimeout(resume, seconds * 1e3);
      }
    };

    /** Send what there is while the page still runs; it may be its last moment. */
    const leave = () => {
      readTitle();
      engage();
      timer = clearTimeout(timer); // a page that asks for a lock is not kept for going back
      const events = queued();
      if (events[0] && !retry && isAllowed()) {
        send(events);
        events
          .filter(({ properties }) => properties?.name == "$engagement")
          .map(({ id }) => remove(QUEUE + id));
      }
    };

    // ---- Beginning ----

    const calls = {
      track,
      flush: resume,
      optOut,
      optIn: () => remove(REFUSAL),
      isOptedOut,
      consent,
    };
    for (const name in calls) calls[name] = safely(calls[name]);
    const run = safely(([name, ...values]) => (calls[name] ?? track.bind(0, name))(...values));
    window.PivotMetrics = { ...calls, q: { push: run } };
    if (!trackingCode) console.warn("needs data-tracking-code");
    if (!isCounted) return;

    on("visibilitychange", () => (document.hidden ? leave() : start(measure())));
    on("pagehide", leave);
    on("pageshow", ({ persisted }) => persisted && start((route = 0)));
    on("online", resume);
    on("storage", () => read(REFUSAL) && forget()); // the tab that refuses may not see the latest
    on("focus blur", measure);
    on("scroll pointerdown keydown", () => {
      measure();
      lastInput = measuredAt;
    });
    on("click auxclick", noteClick);
    on("submit", noteSubmit);
    const navigated = safely(navigate);
    on("popstate hashchange", navigated);
    navigated();
    waiting.map(run);
    window.navigation?.addEventListener("currententrychange", navigated);
    for (const name of window.navigation ? [] : ["pushState", "replaceState"]) {
      const call = history[name];
      history[name] = function (...values) {
        call.apply(this, values);
        navigated();
      };
    }
  })();
} catch {}
