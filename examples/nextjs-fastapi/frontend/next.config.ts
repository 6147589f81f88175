import type { NextConfig } from "next";

// Next.js forwards /api to FastAPI, so that the page and the back end share an origin and the cookie.
const backend = process.env.BACKEND_URL ?? "http://127.0.0.1:8000";

const config: NextConfig = {
  rewrites: async () => [{ source: "/api/:path*", destination: `${backend}/api/:path*` }],
};

export default config;
