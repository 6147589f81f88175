import { useEffect, useState } from "react";
import { useClient } from "@roomcast/react";
import type { ChatMessage } from "@roomcast/sdk";

interface Props {
  message: ChatMessage;
  isOwn: boolean;
  onRetry: () => void;
}

/** One message: a text, a file, or a system message of the back end. */
export function MessageLine({ message, isOwn, onRetry }: Props) {
  if (message.kind === "system") return <p className="system">{message.text}</p>;
  return (
    <p className={isOwn ? "own" : ""} data-state={message.state}>
      <b>{message.name}</b> {message.deleted ? <i>deleted</i> : message.text}
      {message.media && <File media={message.media} />}
      {message.state === "failed" && <button type="button" onClick={onRetry}>Try again</button>}
    </p>
  );
}

type Media = NonNullable<ChatMessage["media"]>;

/** A file. Its link expires, so the component requests a new link when it is mounted. */
function File({ media }: { media: Media }) {
  const client = useClient();
  const [url, setUrl] = useState(media.url);
  useEffect(() => {
    void client?.call("media:url", { upload: media.upload }).then((fresh) => setUrl(fresh.url), () => {});
  }, [client, media.upload]);
  if (media.type.startsWith("image/")) {
    return <img src={url} alt={media.name} width={media.width} height={media.height} />;
  }
  return <a href={url}>{media.name}</a>;
}
