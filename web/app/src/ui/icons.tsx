import type { JSX } from "preact";

/** Line icons on a 24 pixel grid, drawn for this page. */
const PATHS = {
  menu: <path d="M4 7h16M4 12h16M4 17h16" />,
  close: <path d="M6 6l12 12M18 6L6 18" />,
  plus: <path d="M12 5v14M5 12h14" />,
  search: (
    <>
      <circle cx="10.5" cy="10.5" r="6" />
      <path d="M15 15l5 5" />
    </>
  ),
  settings: (
    <>
      <path d="M4 7h9M19 7h1M4 17h1M11 17h9" />
      <circle cx="16" cy="7" r="2.6" />
      <circle cx="8" cy="17" r="2.6" />
    </>
  ),
  hash: <path d="M9.5 4l-2 16M16.5 4l-2 16M4.5 9h16M3.5 15h16" />,
  lock: <path d="M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3" />,
  people: (
    <>
      <circle cx="9" cy="8.5" r="3.5" />
      <path d="M2.5 20c.4-3.6 3-5.5 6.5-5.5s6.1 1.9 6.5 5.5M16 5.300a3.5 3.5 0 0 1 0 6.400M18.5 15c1.8.9 2.8 2.6 3 5" />
    </>
  ),
  link: (
    <path d="M10 14a4 4 0 0 0 5.7 0l3.6-3.600a4 4 0 0 0-5.7-5.700L12.4 6M14 10a4 4 0 0 0-5.7 0l-3.6 3.600a4 4 0 0 0 5.7 5.700l1.2-1.3" />
  ),
  invite: (
    <>
      <circle cx="10" cy="8.5" r="3.5" />
      <path d="M3.5 20c.4-3.6 3-5.5 6.5-5.5 1.3 0 2.5.3 3.5.8M18 14v6M15 17h6" />
    </>
  ),
  image: (
    <>
      <rect x="3.5" y="4.5" width="17" height="15" rx="2.5" />
      <circle cx="8.8" cy="9.5" r="1.5" />
      <path d="M4 17l5-4.5 3.5 3 3-2.5 4.5 4" />
    </>
  ),
  send: <path d="M5 12l-1-7.5L21 12 4 19.5 5 12zm0 0h8" />,
  reply: <path d="M9 6l-5.5 5.5L9 17M4 11.5h9.5c4 0 6.5 2 7 6" />,
  smile: (
    <>
      <circle cx="12" cy="12" r="8.5" />
      <path d="M8.5 14c.8 1.3 2 2 3.5 2s2.7-.7 3.5-2M9 9.5v.5M15 9.5v.5" />
    </>
  ),
  pencil: <path d="M4.5 19.5l1-4.5L16 4.5l3.5 3.5L9 18.5zM13.5 7l3.5 3.5" />,
  trash: <path d="M5 7h14M10 7V4.5h4V7M6.5 7l1 13h9l1-13M10.3 10.5v6M13.7 10.5v6" />,
  clip: (
    <path d="M19.5 11.5l-7.8 7.8a4.6 4.6 0 0 1-6.5-6.5l8.3-8.3a3.1 3.1 0 0 1 4.4 4.4l-8.3 8.3a1.5 1.5 0 0 1-2.2-2.2l7.3-7.3" />
  ),
  up: <path d="M12 19V5M5.5 11.5L12 5l6.5 6.5" />,
  down: <path d="M12 5v14M6 13l6 6 6-6" />,
  check: <path d="M5 12.5l4.5 4.5L19 7.5" />,
  checks: <path d="M2.5 12.5L7 17l8.5-9M11.5 16.5l.5.5L21 8" />,
  clock: (
    <>
      <circle cx="12" cy="12" r="8.5" />
      <path d="M12 7v5.200l3.3 2" />
    </>
  ),
  warning: <path d="M12 4L2.8 19.5h18.400zM12 10v4.5M12 17v.3" />,
  file: <path d="M6 3.5h8l4.5 4.5v12.5H6zM13.5 3.5V8.5h5" />,
  exit: <path d="M10 4H5v16h5M9.5 12H21M17 8l4 4-4 4" />,
  door: <path d="M4 20.5h16M7 20.5v-17h10v17M13.8 12v.3" />,
  info: (
    <>
      <circle cx="12" cy="12" r="8.5" />
      <path d="M12 11v5.5M12 7.500v.3" />
    </>
  ),
  key: (
    <>
      <circle cx="8" cy="15.5" r="4" />
      <path d="M11 12.5L19.5 4M16 7.500l3 3M13.500 10l2 2" />
    </>
  ),
  compass: (
    <>
      <circle cx="12" cy="12" r="8.5" />
      <path d="M15.5 8.5l-2 5-5 2 2-5z" />
    </>
  ),
  more: <path d="M5 12h.01M12 12h.01M19 12h.01" stroke-width="2.6" />,
  flag: <path d="M6 20.5v-16M6 5c4-2.500 7 2 12 0v8.500c-5 2-8-2.500-12 0" />,
  retry: <path d="M19.5 12a7.5 7.5 0 1 1-2.3-5.400M19.5 3.5V8H15" />,
} satisfies Record<string, JSX.Element>;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      {PATHS[name]}
    </svg>
  );
}

export function Logo({ size = 32 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" class="logo">
      <rect width="32" height="32" rx="9" class="logo-ground" />
      <path
        d="M8 10.5A3.5 3.5 0 0 1 11.5 7h9A3.5 3.5 0 0 1 24 10.5v6a3.5 3.5 0 0 1-3.5 3.5H16l-5 4.5V20A3.5 3.5 0 0 1 8 16.5z"
        fill="#fff"
      />
      <circle cx="12.6" cy="13.5" r="1.5" class="logo-ground" />
      <circle cx="16" cy="13.5" r="1.5" class="logo-ground" />
      <circle cx="19.4" cy="13.5" r="1.5" class="logo-ground" />
    </svg>
  );
}

interface IconButtonProps extends Omit<JSX.IntrinsicElements["button"], "icon" | "label"> {
  icon: IconName;
  label: string;
  iconSize?: number;
}

/** A button that shows only an icon. Its name is the tooltip and the label for screen readers. */
export function IconButton({ icon, label, iconSize, class: extra, ...rest }: IconButtonProps) {
  return (
    <button type="button" class={`icon-button ${extra ?? ""}`} aria-label={label} title={label} {...rest}>
      <Icon name={icon} size={iconSize} />
    </button>
  );
}
