import type { RoomState } from "@roomcast/sdk";
import { Icon } from "../icons.tsx";

/** The line above the oldest loaded message. Its height is fixed, so that no row moves when its text changes. */
export function Top({ state }: { state: RoomState }) {
  if (state.loadingOlder || state.hasOlder || state.phase !== "joined") {
    return (
      <div class="timeline-top">
        {state.loadingOlder && <span class="spinner" role="status" aria-label="Loading older messages" />}
      </div>
    );
  }
  return (
    <div class="timeline-top muted">
      {state.cut ? "Some earlier messages could not be recovered." : "This is the beginning of the room."}
    </div>
  );
}

export function Empty() {
  return (
    <div class="empty">
      <span class="empty-mark">
        <Icon name="smile" size={34} />
      </span>
      <h2>Nothing here yet</h2>
      <p class="muted">Write the first message, or drop a file.</p>
    </div>
  );
}

export function Skeleton() {
  return (
    <div class="skeletons" role="status" aria-label="Loading messages">
      {[62, 38, 74, 50].map((width) => (
        <div key={width} class="skeleton">
          <span class="avatar avatar-medium" />
          <span class={`bubble-bar bar-${width}`} />
        </div>
      ))}
    </div>
  );
}
