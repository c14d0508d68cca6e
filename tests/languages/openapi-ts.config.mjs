// Node asks for the endings of files that are imported.
export default {
  input: process.env.BUNDLE,
  output: { path: "hey", module: { extension: ".js" } },
  plugins: ["@hey-api/client-fetch"],
};
