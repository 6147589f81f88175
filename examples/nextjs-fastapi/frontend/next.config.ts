import type { NextConfig } from "next";

// The page and the back end share an origin, and so the cookie: what begins with /api goes to FastAPI.
const backend = process.env.BACKEND_URL ?? "http://127.0.0.1:8000";

const config: NextConfig = {
  rewrites: async () => [{ source: "/api/:path*", destination: `${backend}/api/:path*` }],
};

export default config;
